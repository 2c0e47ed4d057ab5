/**
 * Marks text that others wrote (files, diffs, output, notes) as material, so that whatever it says
 * is not read as an instruction. The marks cannot be closed from inside, and the size is bounded.
 */
export function asData(name: string, text: string, charactersMax: number): string {
  const inside = clipEnds(text, charactersMax).replaceAll(/<(?=\s*\/?\s*untrusted-data)/gi, '‹')
  // The name may be somebody's too: a file's, a sender's.
  const plain = name.replaceAll(/[<>"\p{Cc}]/gu, ' ')
  return `<untrusted-data name="${plain}">\n${inside}\n</untrusted-data>`
}

/** The beginning and the end; what is between is named by its length. */
export function clipEnds(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  const head = Math.ceil(charactersMax * 0.75)
  const tail = charactersMax - head
  const left = text.length - head - tail
  return `${text.slice(0, head)}\n[… ${left} characters left out …]\n${text.slice(text.length - tail)}`
}
