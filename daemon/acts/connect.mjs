// ssh's ProxyCommand inside a sandbox: stdin and stdout to a host, by way of the HTTP proxy that the environment
// names, or straight where it names none. Plain JavaScript and nothing of Claw's: whoever runs in there can read it.
import { connect } from 'node:net'

const [host, port] = process.argv.slice(2)
const proxy = process.env.HTTPS_PROXY ?? process.env.https_proxy
const name = host.includes(':') ? `[${host}]` : host

const fail = (words) => {
  process.stderr.write(`${words}\n`)
  process.exit(1)
}

function pass(socket) {
  process.stdin.pipe(socket)
  socket.pipe(process.stdout)
  socket.on('end', () => process.stdout.end())
}

if (!proxy) {
  const socket = connect({ host, port: Number(port), allowHalfOpen: true }, () => pass(socket))
  socket.on('error', (error) => fail(`${name}:${port} cannot be reached: ${error.message}`))
} else {
  const { hostname, port: proxyPort } = new URL(proxy)
  const socket = connect({ host: hostname, port: Number(proxyPort), allowHalfOpen: true })
  socket.on('error', (error) => fail(`the proxy cannot be reached: ${error.message}`))
  socket.write(`CONNECT ${name}:${port} HTTP/1.1\r\nHost: ${name}:${port}\r\n\r\n`)
  let head = Buffer.alloc(0)
  const onData = (chunk) => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.off('data', onData)
    if (!/^HTTP\/1\.\d 200/.test(head.toString('latin1'))) fail(head.subarray(end + 4).toString('utf8').trim() || 'refused')
    socket.pause()
    const rest = head.subarray(end + 4)
    if (rest.length > 0) process.stdout.write(rest)
    pass(socket)
  }
  socket.on('data', onData)
  socket.on('end', () => process.stdout.end())
}
