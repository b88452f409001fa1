import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, createServer, messageWire, type ProtocolError, type ServerOptions, type ServerSession } from 'rtmpipe'
import t from 'tap'
import { readProxyHeader } from '../../lib/transport/proxy-header.ts'
import { certificate } from '../support/certificates.ts'
import { bytewise } from '../support/chop.ts'
import { TestClock } from '../support/clock.ts'
import { film, folder, packets } from '../support/films.ts'
import { freePort, listening } from '../support/nginx.ts'
import { players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

t.jobs = 4
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const binary = (hex: string): Buffer => Buffer.from(SIGNATURE + hex.replaceAll(' ', ''), 'hex')
const text = (line: string): Buffer => Buffer.from(line, 'latin1')

const TLVS = '030004 a1b2c3d4 02000a 6c6976652e746573742e'
const six = '20010db8000000000000000000000001'

/** Headers, and the address that each names. */
const headers: readonly (readonly [what: string, bytes: Buffer, address?: string])[] = [
  ['v1 TCP4', text('PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n'), '192.0.2.1:50000'],
  ['v1 TCP6', text('PROXY TCP6 2001:db8:0:0::1 2001:db8::2 1 65535\r\n'), '2001:db8::1:1'],
  ['v1 port 0', text('PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n'), '192.0.2.1:0'],
  ['v1 UNKNOWN', text('PROXY UNKNOWN\r\n')],
  ['v1 UNKNOWN, and the longest of all', text(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`)],
  ['v2 INET', binary('21 11 000c c0000201 c6336401 c350 078f'), '192.0.2.1:50000'],
  ['v2 INET6', binary(`21 21 0024 ${six} ${six} 0001 078f`), '2001:db8::1:1'],
  ['v2 INET with TLVs', binary(`21 11 0020 c0000201 c6336401 c350 078f ${TLVS}`), '192.0.2.1:50000'],
  ['v2 INET6, DGRAM', binary(`21 22 0024 ${'0'.repeat(31)}1 ${six} 0001 078f`), '::1:1'],
  ['v2 UNIX', binary(`21 31 00d8 ${'2f'.repeat(216)}`)],
  ['v2 UNSPEC', binary('21 00 0000')],
  ['v2 UNSPEC with TLVs', binary(`21 00 0014 ${TLVS}`)],
  ['v2 LOCAL', binary('20 00 0000')],
  ['v2 LOCAL with an address that is none', binary('20 11 0003 c00002')],
  [
    'v2 of all the bytes there may be',
    binary(`21 11 ffff c0000201 c6336401 c350 078f ${'00'.repeat(65_523)}`),
    '192.0.2.1:50000'
  ]
]

t.test('a header names its client, however it is split, and no byte behind it is taken', async t => {
  for (const [what, bytes, address] of headers) {
    const behind = Buffer.concat([bytes, text('\x03PROXY')])
    const header = readProxyHeader(behind)
    const { source } = header ?? {}
    t.equal(header?.byteLength, bytes.length, what)
    t.equal(source && `${source.address}:${source.port}`, address, what)
    const places = bytes.length > 1000 ? [0, 15, 16, 28, bytes.length - 1] : bytes.keys()
    for (const at of places) t.equal(readProxyHeader(bytes.subarray(0, at)), undefined, `${what}, cut at ${at}`)
  }
})

/** What is none, where its fault lies, and what that is. */
const hostile: readonly (readonly [bytes: Buffer, offset: number, what: string])[] = [
  [text('\x03'), 0, 'signature'],
  [text('GET / HTTP/1.1\r\n'), 0, 'signature'],
  [text('\x16\x03\x01'), 0, 'signature'],
  [text('PUT / HTTP/1.1\r\n'), 1, 'signature'],
  [text('proxy TCP4 '), 0, 'signature'],
  [text('PROXY\tTCP4 '), 5, 'signature'],
  [text('PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n'), 6, 'family'],
  [text('PROXY \r\n'), 6, 'family'],
  [text('PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n'), 6, 'family'],
  [text('PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n'), 11, 'address'],
  [text('PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n'), 11, 'address'],
  [text('PROXY TCP6 192.0.2.1 2001:db8::1 1 2\r\n'), 11, 'address'],
  [text('PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n'), 11, 'address'],
  [text('PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n'), 21, 'address'],
  [text('PROXY TCP4 192.0.2.1\r\n'), 20, 'address'],
  [text('PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n'), 34, 'port'],
  [text('PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n'), 34, 'port'],
  [text('PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n'), 34, 'port'],
  [text('PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n'), 35, 'port'],
  [text('PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n'), 37, 'line end'],
  [text('PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n\x03\r\n'), 36, 'port'],
  [text(`PROXY UNKNOWN ${'f'.repeat(93)}`), 107, 'line end'],
  [text(`PROXY ${'A'.repeat(100)}\r`), 107, 'line end'],
  [Buffer.from('0d0a0d0a000d0a515549540b', 'hex'), 11, 'signature'],
  [binary('11 11 000c'), 12, 'version'],
  [binary('31 11 000c'), 12, 'version'],
  [binary('22 11 000c'), 12, 'command'],
  [binary('21 41 000c'), 13, 'family'],
  [binary('21 13 000c'), 13, 'family'],
  [binary('21 11 000b'), 14, 'length'],
  [binary('21 21 000c'), 14, 'length'],
  [binary('21 31 00d7'), 14, 'length']
]

t.test('what is no header is told at the field that is wrong', async t => {
  for (const [bytes, offset, what] of hostile) {
    const said = JSON.stringify(bytes.toString('latin1').slice(0, 60))
    const expected = { code: 'ERR_RTMP_PROXY_HEADER', layer: 'proxy-header', offset }
    t.throws(() => readProxyHeader(bytes), { ...expected, message: new RegExp(`: ${what}, `) }, said)
  }
})

const ours = await certificate()

/** A server behind a proxy at 127.0.0.1, and what became of who came. */
async function behindProxy(t: Scope, options: ServerOptions = {}) {
  const sessions: ServerSession[] = []
  const errors: ProtocolError[] = []
  const server = createServer({ proxyProtocol: { from: ['127.0.0.1'] }, ...options }, session => sessions.push(session))
  server.on('sessionError', error => errors.push(error as ProtocolError))
  t.teardown(() => server.listening && new Promise(resolve => server.close(resolve)))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return { server, sessions, errors, port }
}

/** A proxy in front of a port, that sends this ahead of what each of its clients sends. */
async function proxyTo(t: Scope, port: number, header: readonly Buffer[]): Promise<number> {
  const proxy = net.createServer(near => {
    const far = net.connect(port, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const)
      one.on('error', () => other.destroy())
    for (const bytes of header) far.write(bytes)
    near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  return (proxy.address() as net.AddressInfo).port
}

t.test('ahead of every door: the peer is the client of the proxy', { buffered }, async t => {
  const { port, sessions, errors } = await behindProxy(t, { tls: ours, tunnel: true })
  for (const [what, header, address] of headers.filter(([, { length }]) => length < 1000)) {
    const front = await proxyTo(t, port, [...bytewise(header)])
    const schemes =
      what === 'v1 TCP4' || what === 'v2 INET6' ? ['rtmp', 'rtmpe', 'rtmps', 'rtmpt', 'rtmpts'] : ['rtmp', 'rtmps']
    for (const scheme of schemes) {
      const session = await connect(`${scheme}://127.0.0.1:${front}/live`, { tls: { ca: ours.cert } })
      t.equal(sessions.at(-1)?.scheme, scheme)
      const { peer } = sessions.at(-1)!
      if (address === undefined) t.match(peer, /^127\.0\.0\.1:\d+$/, `${what} has the address of the proxy`)
      else t.equal(peer, address, `${what} before ${scheme}`)
      await session.close()
    }
  }
  t.same(errors, [])
})

t.test('a server without other doors, and HTTP that is no tunnel', { buffered }, async t => {
  const plain = await behindProxy(t)
  const header = text('PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n')
  const session = await connect(`rtmp://127.0.0.1:${await proxyTo(t, plain.port, [header])}/live`)
  t.equal(plain.sessions[0]?.peer, '192.0.2.1:50000')
  await session.close()
  const page = await behindProxy(t, {
    tls: ours,
    http: ({ socket }, response) => response.end(`${socket.remoteAddress} ${socket.remotePort} ${socket.remoteFamily}`)
  })
  const front = await proxyTo(t, page.port, [header])
  const asking = http.request({ host: '127.0.0.1', port: front, agent: false }).end()
  const [response] = (await once(asking, 'response')) as [http.IncomingMessage]
  t.equal((await response.toArray()).join(''), '192.0.2.1 50000 IPv4')
})

t.test('a connection that was upgraded is not asked for its header again', { buffered }, async t => {
  const { port, server, sessions } = await behindProxy(t, {
    upgrade: (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: rtmp\r\nConnection: Upgrade\r\n\r\n')
      server.emit('connection', socket)
    }
  })
  const front = await proxyTo(t, port, [text('PROXY UNKNOWN\r\n')])
  const asking = http.request({ port: front, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: 'rtmp' } })
  const [, socket] = (await once(asking.end(), 'upgrade')) as [unknown, net.Socket]
  const wire = messageWire(socket, { role: 'client' })
  await once(wire, 'handshake')
  while (sessions.length === 0) await sleep(1)
  wire.on('error', () => {}).destroy()
})

/** What a peer hears that says this, until it is hung up on. */
async function hears(port: number, bytes: Buffer, localAddress = '127.0.0.1'): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
  socket.write(bytes)
  let heard = ''
  socket.on('data', data => {
    heard += data.toString('latin1')
  })
  await new Promise(resolve => socket.once('close', resolve))
  return heard
}

t.test('a proxy that sends none, or a wrong one, is hung up on', { buffered }, async t => {
  const { port, sessions, errors } = await behindProxy(t, { tls: ours, tunnel: true })
  for (const [bytes, offset] of hostile) {
    t.equal(await hears(port, bytes), '')
    t.match(errors.splice(0), [{ name: 'ProtocolError', code: 'ERR_RTMP_PROXY_HEADER', layer: 'proxy-header', offset }])
  }
  await t.rejects(connect(`rtmp://127.0.0.1:${port}/live`))
  t.match(errors.splice(0), [{ code: 'ERR_RTMP_PROXY_HEADER', offset: 0 }])
  const [, header] = headers[0]!
  t.equal(
    await hears(port, Buffer.concat([header, header])),
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
    'one is enough'
  )
  t.equal(sessions.length, 0)
})

t.test(
  'a peer that is no proxy is served as it is, and its header is none',
  { buffered, skip: process.platform !== 'linux' && '127.0.0.2 may not be there' },
  async t => {
    for (const from of [
      ['127.0.0.2', 'fd00::/8'],
      ['10.0.0.0/8', '127.0.0.2/31']
    ]) {
      const { port, sessions, errors } = await behindProxy(t, { proxyProtocol: { from } })
      const session = await connect(`rtmp://127.0.0.1:${port}/live`)
      t.match(sessions[0]?.peer, /^127\.0\.0\.1:/)
      await session.close()
      const [, header] = headers[0]!
      await hears(port, header)
      t.match(errors.splice(0), [{ code: 'ERR_RTMP_HANDSHAKE_VERSION', layer: 'handshake', offset: 0 }])
      await hears(port, Buffer.concat([header, text('\xff')]), '127.0.0.2')
      t.match(errors.splice(0), [{ code: 'ERR_RTMP_HANDSHAKE_VERSION' }], 'what is behind the header of a proxy')
    }
    const list = new net.BlockList()
    list.addRange('127.0.0.1', '127.0.0.9')
    const { port, errors } = await behindProxy(t, { proxyProtocol: { from: list } })
    await hears(port, text('\x03'))
    t.match(errors, [{ code: 'ERR_RTMP_PROXY_HEADER' }])
  }
)

t.test('a header that is slow ends in time; one that is cut off is no error', { buffered }, async t => {
  const clock = new TestClock()
  const { port, server, errors } = await behindProxy(t, { clock, limits: { handshakeMs: 100 } })
  const connections = () => new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)))
  const slow = net.connect(port, '127.0.0.1').on('error', () => {})
  slow.write('PROXY TCP4')
  await once(server, 'connection')
  while (clock.timers === 0) await sleep(1)
  await sleep(20)
  clock.pass(99)
  t.equal(slow.destroyed, false)
  const over = new Promise(resolve => slow.once('close', resolve))
  slow.resume()
  clock.pass(1)
  await over
  t.match(errors, [{ code: 'ERR_RTMP_HANDSHAKE_TIMEOUT', layer: 'proxy-header', offset: 10 }])
  for (const said of ['', 'PROXY TCP4', '\r\n\r\n']) net.connect(port, '127.0.0.1').end(said).resume()
  await once(server, 'connection')
  while ((await connections()) > 0) await sleep(5)
  t.equal(errors.length, 1)
})

t.test('what is no address is told at once', async t => {
  for (const from of [
    '',
    'proxy.example',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/',
    'fe80::1%eth0'
  ])
    t.throws(() => createServer({ proxyProtocol: { from: [from] } }), {
      name: 'TypeError',
      message: `${from} is not an IP address or range`
    })
})

const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))

/** Proxies of others, by the folder for their files, the port that they are in front of, and their own. */
const programs: Record<string, (t: Scope, home: string, port: number, front: number) => Program> = {
  nginx(t, home, port, front) {
    const file = join(home, 'nginx.conf')
    writeFileSync(
      file,
      `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
       daemon off; master_process off; pid ${home}/pid; error_log ${home}/error.log;
       events {} stream { server { listen 127.0.0.1:${front}; listen [::1]:${front}; proxy_pass 127.0.0.1:${port}; proxy_protocol on; } }`
    )
    return new Program(t, 'nginx', ['-p', home, '-c', file])
  },
  haproxy(t, home, port, front) {
    const file = join(home, 'haproxy.cfg')
    writeFileSync(
      file,
      `defaults
         mode tcp
         timeout connect 10s
         timeout client 1m
         timeout server 1m
       listen rtmp
         bind 127.0.0.1:${front},[::1]:${front}
         server one 127.0.0.1:${port} send-proxy-v2 check check-send-proxy inter 100\n`
    )
    return new Program(t, 'haproxy', ['-db', '-f', file])
  }
}

const isIPv6There = Object.values(networkInterfaces()).some(each => each?.some(({ address }) => address === '::1'))

for (const [name, start] of Object.entries(programs)) {
  const skip = without('ffmpeg', name) || (!isIPv6There && '::1 is not there')
  t.test(`FFmpeg through ${name}: its clients come over IPv6, and it over IPv4`, { buffered, skip }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { seconds: 1 })
    const args = [
      cli,
      'serve',
      '--port',
      '0',
      '--proxy-protocol-from',
      '192.0.2.0/24',
      '--proxy-protocol-from',
      '127.0.0.1'
    ]
    const server = new Program(t, process.execPath, args)
    const [, port] = await server.says(/listening rtmp:\/\/127\.0\.0\.1:(\d+)/)
    const front = await freePort()
    start(t, home, Number(port), front)
    await listening(front)
    const url = `rtmp://[::1]:${front}/live/film`
    const player = players.ffmpeg(t, url)
    await server.says(/wait live\/film for ::1:\d+/)
    t.equal((await publishers.ffmpeg(t, source, url).ends()).code, 0)
    t.same(await player.packets(), packets(source))
    await server.says(/publish live\/film from ::1:\d+/)
    t.notMatch(server.said, /error/, 'the checks of its health are none')
  })
}
