import { spawn, spawnSync } from 'node:child_process'

/**
 * Runs a command where nothing but loopback exists: `node scripts/in-netns.ts -- npx vitest …`.
 *
 * A network namespace of its own makes "never contacts anything else" a fact of the kernel instead
 * of a promise. The PID namespace ends whatever the command left running. `CLAW_NETNS` tells
 * the command which it got: `loopback`, or `none` where the machine allows no namespaces; then the
 * command runs all the same, and one line says so.
 */
const command = process.argv.slice(process.argv.indexOf('--') + 1)
if (!process.argv.includes('--') || command.length === 0) {
  console.error('usage: node scripts/in-netns.ts -- command [argument …]')
  process.exit(2)
}

const WAYS = [
  ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'],
  ['--user', '--map-root-user', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'],
]
const LOOPBACK = 'ip link set lo up && exec "$@"'

const way = WAYS.find((flags) => spawnSync('unshare', [...flags, 'sh', '-c', LOOPBACK, 'sh', 'true']).status === 0)
if (!way) console.error('in-netns: this machine allows no network namespace; running without one')

const argv: string[] = way ? ['unshare', ...way, 'sh', '-c', LOOPBACK, 'sh', ...command] : command
const child = spawn(argv[0] as string, argv.slice(1), {
  stdio: 'inherit',
  env: { ...process.env, CLAW_NETNS: way ? 'loopback' : 'none' },
})
// unshare ignores polite signals while it waits. Its end takes the whole PID namespace with it. Ctrl-C reaches the command by itself.
process.on('SIGTERM', () => child.kill('SIGKILL'))
process.on('SIGINT', () => {})
child.on('error', (error) => {
  console.error(`in-netns: ${error.message}`)
  process.exitCode = 127
})
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal ? 128 : 1)
})
