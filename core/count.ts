/** `1 goal`, `2 goals`: a number with its noun, for people. */
export function countOf(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
