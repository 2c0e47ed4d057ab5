/**
 * The inner side of a door, started by Claw in a network of its own; plain JavaScript and nothing of Claw's, since
 * whoever runs in there can read it.
 *
 *   bridge.mjs listen <socket file> <proxy port> [port …]    listens on its loopback, then closes stdout and goes on
 *   bridge.mjs connect <socket file> <host> <port>           stdin and stdout to a host: ssh's ProxyCommand
 */
import { closeSync, openSync } from 'node:fs'
import { connect, createServer } from 'node:net'

const [mode, socketFile, ...rest] = process.argv.slice(2)
const HEAD_BYTES_MAX = 64 * 1024

if (mode === 'connect') {
  const [host, port] = rest
  enter(host, Number(port), (door, first) => {
    process.stdout.write(first)
    door.pipe(process.stdout)
    process.stdin.pipe(door)
  })
} else {
  const [proxyPort, ...ports] = rest.map(Number)
  const listening = [
    ...listen(proxyPort, (client) => join(client, connect({ path: socketFile, allowHalfOpen: true }))),
    ...ports.flatMap((port) =>
      listen(port, (client) => {
        client.pause()
        const given = enter('127.0.0.1', port, (door, first) => {
          client.write(first)
          join(client, door)
        })
        client.on('error', () => given.destroy())
        given.once('close', () => client.destroySoon())
      }),
    ),
  ]
  await Promise.all(listening)
  // Whoever waits for it to listen waits for the end of this stream. The number goes to nobody else.
  closeSync(1)
  openSync('/dev/null', 'w')
}

/** On both families where the second exists. */
function listen(port, onClient) {
  return ['127.0.0.1', '::1'].map(
    (host) =>
      new Promise((resolve) => {
        const server = createServer({ allowHalfOpen: true }, onClient)
        server.once('error', resolve)
        server.listen(port, host, resolve)
      }),
  )
}

/** Through the door to a host; what it refuses is said on stderr. */
function enter(host, port, onOpen) {
  const door = connect({ path: socketFile, allowHalfOpen: true })
  const name = host.includes(':') ? `[${host}]` : host
  let head = Buffer.alloc(0)
  door.write(`CONNECT ${name}:${port} HTTP/1.1\r\nHost: ${name}:${port}\r\n\r\n`)
  door.on('error', () => door.destroy())
  const onData = (chunk) => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0 && head.length < HEAD_BYTES_MAX) return
    door.off('data', onData)
    door.pause()
    if (/^HTTP\/1\.1 200 /.test(head.toString('latin1', 0, 20))) return onOpen(door, head.subarray(end + 4))
    process.stderr.write(`${head.subarray(end + 4).toString('utf8').trim()}\n`)
    door.destroy()
    if (mode === 'connect') process.exitCode = 1
  }
  door.on('data', onData)
  return door
}

function join(a, b) {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    from.on('error', () => to.destroy())
    from.once('close', () => to.destroySoon())
    from.pipe(to)
  }
}
