import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { generateDocs } from '../scripts/generate-docs.ts'

test.each(Object.entries(generateDocs()))(
  '%s says what the code says (else: node scripts/generate-docs.ts)',
  (file, text) => {
    expect(readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8')).toBe(text)
  },
)
