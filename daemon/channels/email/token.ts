/**
 * What an answer is known by. Each mail of ours has an id that nobody can guess and that is the same at every attempt
 * to send it; a short form of it stands in the subject, for programs that answer without naming what. Pure.
 */
import { createHmac } from 'node:crypto'

const TOKEN = /^<claw\.([a-z0-9]{16})@([^>]+)>$/
const IN_SUBJECT = /\[claw ([a-z0-9]{16})\]/

export function newToken(secret: string, key: string): string {
  const bytes = createHmac('sha256', secret).update(`mail ${key}`).digest()
  return BigInt(`0x${bytes.toString('hex')}`)
    .toString(36)
    .slice(-16)
    .padStart(16, '0')
}

/** As a `Message-ID`. */
export function withToken(token: string, address: string): string {
  return `<claw.${token}@${domainOf(address)}>`
}

/** Undefined: no id of ours. */
export function tokenOf(messageId: string, address: string): string | undefined {
  const found = TOKEN.exec(messageId.trim())
  return found?.[2]?.toLowerCase() === domainOf(address) ? found[1] : undefined
}

export function tokenIn(subject: string): string | undefined {
  return IN_SUBJECT.exec(subject)?.[1]
}

export function subjectWith(subject: string, token: string): string {
  const plain = subject.replaceAll(new RegExp(` ?${IN_SUBJECT.source}`, 'g'), '').trim()
  return `${plain} [claw ${token}]`
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}
