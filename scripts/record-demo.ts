/**
 * Records `npm run demo` in a real terminal and draws it as an animated picture for the README: `node scripts/record-demo.ts`.
 *
 * Needs `script` (Debian's util-linux). What is drawn is what the terminal showed, at the pace it was shown, with long
 * waits shortened. Writes docs/demo.svg.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import terminal from '@xterm/headless'

const COLUMNS = 108
const ROWS = 36
/** Of a line and a character in the picture, in pixels. */
const LINE = 18
const CHAR = 8.4
/** A frame is shown as long as it was, within this, in seconds. */
const SHOWN_S = { min: 0.2, max: 0.7 }
const LAST_S = 8
const DIM = '#7d828c'
const BACKGROUND = '#1b1d23'
const TEXT = '#d7dae0'
/** The terminal's eight colours; the bright ones are the same, but for black, which is grey. */
const COLORS = [DIM, '#e06c75', '#7ec07e', '#d8b260', '#6ea8e0', '#c08ad6', '#5fb8b8', TEXT]

interface Frame {
  svg: string
  seconds: number
}

const dir = mkdtempSync(join(tmpdir(), 'claw-record-'))
const typescript = join(dir, 'out')
const timing = join(dir, 'timing')
execFileSync(
  'script',
  [
    '-q',
    '-e',
    '-c',
    `stty cols ${COLUMNS} rows ${ROWS}; npm run --silent demo`,
    '--log-out',
    typescript,
    '--log-timing',
    timing,
  ],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color', COLUMNS: `${COLUMNS}`, LINES: `${ROWS}` },
  },
)
const frames = await play(readFileSync(typescript), readFileSync(timing, 'utf8'))
rmSync(dir, { recursive: true })
writeFileSync(new URL('../docs/demo.svg', import.meta.url), draw(frames))
console.log(`docs/demo.svg: ${frames.length} frames`)

/** Feeds the recording to a terminal; a picture of it wherever it rested. */
async function play(output: Buffer, times: string): Promise<Frame[]> {
  const screen = new terminal.Terminal({ cols: COLUMNS, rows: ROWS, scrollback: 0, allowProposedApi: true })
  // `script` writes a line of its own before what was shown.
  let at = output.indexOf('\n') + 1
  const found: Frame[] = []
  for (const line of times.trim().split('\n')) {
    const [seconds = 0, bytes = 0] = line.split(' ').map(Number)
    const last = found.at(-1)
    const svg = look(screen)
    if (seconds >= SHOWN_S.min && svg !== last?.svg) found.push({ svg, seconds: Math.min(seconds, SHOWN_S.max) })
    else if (last) last.seconds = Math.min(last.seconds + seconds, SHOWN_S.max)
    await new Promise<void>((done) => screen.write(output.subarray(at, at + bytes), done))
    at += bytes
  }
  return [...found, { svg: look(screen), seconds: LAST_S }]
}

function look(screen: terminal.Terminal): string {
  const lines: string[] = []
  for (let row = 0; row < ROWS; row++) {
    const line = screen.buffer.active.getLine(screen.buffer.active.baseY + row)
    if (!line) continue
    const parts: { text: string; style: string }[] = []
    for (let column = 0; column < COLUMNS; column++) {
      const cell = line.getCell(column)
      if (!cell || cell.getWidth() === 0) continue
      const style = styleOf(cell)
      const last = parts.at(-1)
      if (last?.style === style) last.text += cell.getChars() || ' '
      else parts.push({ text: cell.getChars() || ' ', style })
    }
    const text = parts.map((part) => `<tspan${part.style}>${escaped(part.text)}</tspan>`).join('')
    if (parts.some((part) => part.text.trim() !== '')) {
      lines.push(`<text x="16" y="${(row + 2) * LINE}" xml:space="preserve">${text}</text>`)
    }
  }
  return lines.join('\n')
}

function styleOf(cell: NonNullable<ReturnType<terminal.IBufferLine['getCell']>>): string {
  const color = cell.isFgPalette() ? COLORS[cell.getFgColor() % COLORS.length] : cell.isDim() ? DIM : undefined
  return `${color ? ` fill="${color}"` : ''}${cell.isBold() ? ' font-weight="bold"' : ''}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function draw(all: Frame[]): string {
  const total = all.reduce((sum, { seconds }) => sum + seconds, 0)
  const [width, height] = [Math.ceil(COLUMNS * CHAR) + 32, (ROWS + 2) * LINE]
  let at = 0
  const groups = all.map(({ svg, seconds }, index) => {
    const from = (at / total) * 100
    at += seconds
    const to = (at / total) * 100
    // One that is not animated by whoever shows it is the last.
    const rule = `@keyframes f${index}{0%,${from.toFixed(3)}%{opacity:0}${(from + 0.001).toFixed(3)}%,${to.toFixed(3)}%{opacity:1}${index === all.length - 1 ? '' : `${(to + 0.001).toFixed(3)}%,100%{opacity:0}`}}`
    const style = `.f${index}{opacity:${index === all.length - 1 ? 1 : 0};animation:f${index} ${total.toFixed(1)}s infinite step-end}`
    return { css: rule + style, group: `<g class="f${index}">${svg}</g>` }
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" fill="${TEXT}" role="img" aria-label="npm run demo in a terminal">
<style>${groups.map(({ css }) => css).join('')}</style>
<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
${groups.map(({ group }) => group).join('\n')}
</svg>
`
}
