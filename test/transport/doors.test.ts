import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import {
  ClientHandshake,
  type ClientSession,
  type ConnectOptions,
  clientSession,
  connect,
  createServer,
  createWireServer,
  dial,
  messageWire,
  proxy,
  type ServerSession,
  sniff,
  type WireServer
} from 'rtmpipe'
import t from 'tap'
import { certificate } from '../support/certificates.ts'
import { TestClock } from '../support/clock.ts'

t.jobs = 4
const buffered = true
type Scope = { teardown(end: () => unknown): unknown }

const ours = await certificate()
const ca = await certificate(['an authority'])

async function listen(t: Scope, server: WireServer): Promise<number> {
  t.teardown(() => server.listening && new Promise(resolve => server.close(resolve)))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as net.AddressInfo).port
}

/** once() would take an error for it. */
const isClosed = (socket: net.Socket) => new Promise(resolve => socket.once('close', resolve))

const connections = (server: net.Server) =>
  new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)))

/** A server of every door, and the schemes by which sessions came. */
async function everyDoor(t: Scope, options: Parameters<typeof createServer>[0] = {}) {
  const schemes: string[] = []
  const server = createServer({ tls: ours, tunnel: true, ...(options as object) }, session =>
    schemes.push(session.scheme)
  )
  const errors: string[] = []
  server.on('sessionError', error => errors.push(`${error.code}`))
  return { server, schemes, errors, port: await listen(t, server) }
}

const trusting: ConnectOptions = { tls: { ca: ours.cert } }

t.test('one port for every scheme, by URL alone', { buffered }, async t => {
  const { port, schemes } = await everyDoor(t)
  const all = ['rtmp', 'rtmpe', 'rtmps', 'rtmpt', 'rtmpte', 'rtmpts']
  for (const scheme of all) {
    const session = await connect(`${scheme}://127.0.0.1:${port}/live`, trusting)
    t.equal(await session.call('_checkbw'), 0, `${scheme}: it is answered`)
    await session.close()
  }
  t.same(schemes, all)
})

t.test('a scheme that is none, and a server without that door', { buffered }, async t => {
  await t.rejects(connect('rtmpx://127.0.0.1/live'), {
    name: 'TypeError',
    message: /scheme rtmpx:\/\/ is not supported/
  })
  await t.rejects(connect('toString://127.0.0.1/live'), { name: 'TypeError' })
  const port = await listen(t, createServer())
  await t.rejects(connect(`rtmps://127.0.0.1:${port}/live`, trusting))
  await t.rejects(connect(`rtmpt://127.0.0.1:${port}/live`))
})

t.test('rtmps: whom nobody vouches for is refused, each with its own code', { buffered }, async t => {
  const cases: [what: string, code: string, server: tls.TlsOptions, client: ConnectOptions][] = [
    ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT', ours, {}],
    ['of an authority unknown here', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', await certificate(undefined, { ca }), {}],
    [
      'of another host',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      await certificate(['other.example'], { ca }),
      { tls: { ca: ca.cert } }
    ],
    ['expired', 'CERT_HAS_EXPIRED', await certificate(undefined, { ca, days: 0.5 }), { tls: { ca: ca.cert } }]
  ]
  for (const [what, code, secrets, options] of cases) {
    const { port, schemes, server } = await everyDoor(t, { tls: secrets, limits: { handshakeMs: 60_000 } })
    for (const scheme of ['rtmps', 'rtmpts']) {
      await t.rejects(connect(`${scheme}://127.0.0.1:${port}/live`, options), { code }, `${scheme}: ${what}`)
    }
    const anyway = await connect(`rtmps://127.0.0.1:${port}/live`, { tls: { rejectUnauthorized: false } })
    await anyway.close()
    t.same(schemes, ['rtmps'], 'unless it is told to trust it')
    while ((await connections(server)) > 0) await sleep(5)
  }
})

t.test('rtmps: a name is told to the server, which may have a certificate for each', { buffered }, async t => {
  const names: string[] = []
  const SNICallback: tls.TlsOptions['SNICallback'] = (name, done) => {
    names.push(name)
    done(null, tls.createSecureContext(ours))
  }
  const { port } = await everyDoor(t, { tls: { ...ours, SNICallback } })
  for (const scheme of ['rtmps', 'rtmpts']) {
    const session = await connect(`${scheme}://localhost:${port}/live`, trusting)
    await session.close()
  }
  t.same(names, ['localhost', 'localhost'])
})

t.test('rtmps: a server may ask for a certificate of the client', { buffered }, async t => {
  const { port, schemes } = await everyDoor(t, { tls: { ...ours, ca: ca.cert, requestCert: true } })
  const of = (more: tls.ConnectionOptions): ConnectOptions => ({ tls: { ca: ours.cert, ...more } })
  const url = `rtmps://127.0.0.1:${port}/live`
  // TLS 1.3 tells of it only when the client has done its part
  await t.rejects(connect(url, of({})))
  await t.rejects(connect(url, of(await certificate(['a stranger']))))
  t.same(schemes, [])
  const session = await connect(url, of(await certificate(['ada'], { ca })))
  await session.close()
  t.same(schemes, ['rtmps'])
})

t.test('rtmps: a certificate that is renewed takes nobody off', { buffered }, async t => {
  const { server, port } = await everyDoor(t)
  const before = await connect(`rtmps://127.0.0.1:${port}/live`, trusting)
  const renewed = await certificate()
  server.setSecureContext(renewed)
  await t.rejects(connect(`rtmps://127.0.0.1:${port}/live`, trusting), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const after = await connect(`rtmps://127.0.0.1:${port}/live`, { tls: { ca: renewed.cert } })
  for (const session of [before, after]) {
    t.equal(await session.call('_checkbw'), 0)
    await session.close()
  }
  t.throws(() => createServer().setSecureContext(renewed), { name: 'TypeError', message: /server has no TLS/ })
  t.throws(() => createServer({ tls: { key: 'none', cert: 'none' } }), /PEM|key/i, 'a key that is none is told at once')
})

/** What a peer hears that says this, until it is hung up on. */
async function hears(port: number, bytes: Buffer | string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(bytes)
  let heard = ''
  socket.on('data', data => {
    heard += data.toString('latin1')
  })
  socket.on('error', () => {})
  await isClosed(socket)
  return heard
}

t.test('who speaks none of them is answered or hung up on, at once', { buffered }, async t => {
  const { port, errors } = await everyDoor(t)
  const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  t.match(await hears(port, get), /^HTTP\/1\.1 404 /)
  t.match(await hears(port, 'OOPS!\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.equal((await hears(port, Buffer.from('160301000501000001ff', 'hex')))[0], '\x15', 'a TLS alert')
  t.equal(await hears(port, 'hello'), '')
  t.equal(await hears(port, Buffer.from('fffefdfc', 'hex')), '')
  const secret = tls.connect({ port, host: '127.0.0.1', ca: ours.cert })
  secret.on('error', () => {})
  secret.write('\x16\x03\x01')
  secret.resume()
  await isClosed(secret)
  t.same(errors.slice(1), Array(3).fill('ERR_RTMP_HANDSHAKE_VERSION'), 'TLS within TLS too')
  t.match(errors[0], /^ERR_SSL_/)
})

t.test('who says nothing, or goes on saying nothing, is hung up on in time', { buffered }, async t => {
  const { port, errors, server } = await everyDoor(t, { limits: { handshakeMs: 100, tunnelIdleMs: 100 } })
  const drip = async (text: string | Buffer) => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    socket.resume()
    const closed = isClosed(socket)
    const timer = setInterval(() => socket.write('x'), 20)
    socket.write(text)
    await closed
    clearInterval(timer)
  }
  await drip(Buffer.alloc(0))
  await drip('POST /open/1 HTTP/1.1\r\n')
  await drip(Buffer.from('1603010200010001fc0303', 'hex'))
  await drip(new ClientHandshake().hello())
  await hears(port, '')
  // four where the machine is so busy that the request is not begun in time either
  t.ok(errors.filter(code => code === 'ERR_RTMP_HANDSHAKE_TIMEOUT').length >= 3, `${errors}`)
  while ((await connections(server)) !== 0) await sleep(5)
})

t.test('who leaves without a word is no error', { buffered }, async t => {
  const { port, errors, server } = await everyDoor(t)
  net.connect(port, '127.0.0.1').end().resume()
  const gone = net.connect(port, '127.0.0.1')
  await once(gone, 'connect')
  gone.destroy()
  while ((await connections(server)) !== 0) await sleep(5)
  t.same(errors, [])
})

t.test('close ends what is behind every door, those too who have not come in yet', { buffered }, async t => {
  const { port, server } = await everyDoor(t)
  const sessions: ClientSession[] = []
  for (const scheme of ['rtmp', 'rtmps', 'rtmpt', 'rtmpts']) {
    sessions.push(await connect(`${scheme}://127.0.0.1:${port}/live`, trusting))
  }
  const inside = await connections(server)
  const outside = ['', '\x16', 'POST /open', '\x03'].map(text => hears(port, text))
  while ((await connections(server)) < inside + outside.length) await sleep(5)
  await Promise.all([
    ...outside,
    new Promise(resolve => server.close(resolve)),
    ...sessions.map(each => once(each, 'close'))
  ])
  t.equal(server.sessions.size, 0)
})

t.test('close ends a tunnel through which nothing was sent', { buffered }, async t => {
  const clock = new TestClock()
  const { port, server } = await everyDoor(t, { clock })
  const asking = http.request({ port, host: '127.0.0.1', path: '/open/1', method: 'POST', agent: false }).end()
  const [response] = (await once(asking, 'response')) as [http.IncomingMessage]
  await response.toArray()
  while ((await connections(server)) > 0) await sleep(5)
  t.ok(clock.timers > 0)
  await new Promise(resolve => server.close(resolve))
  while (clock.timers > 0) await sleep(5)
})

t.test("HTTP requests that are not a tunnel's go to a handler, plain and over TLS", { buffered }, async t => {
  const asked: string[] = []
  const web: http.RequestListener = ({ method, url, socket }, response) => {
    asked.push(`${method} ${url}`)
    response.end(`${url} ${'encrypted' in socket}`)
  }
  const get = async (options: https.RequestOptions & { path: string }) => {
    const { request } = options.protocol === 'https:' ? https : http
    const asking = request({ host: '127.0.0.1', agent: false, ...options }).end()
    const [response] = (await once(asking, 'response')) as [http.IncomingMessage]
    return `${response.statusCode} ${(await response.toArray()).join('')}`
  }
  for (const tunnel of [true, false]) {
    const { port, schemes } = await everyDoor(t, { http: web, tunnel })
    t.equal(await get({ port, path: '/film?a=1' }), '200 /film?a=1 false')
    t.equal(await get({ port, path: '/film', protocol: 'https:', ca: ours.cert }), '200 /film true')
    const id = await get({ port, path: '/open/1', method: 'POST' })
    t.match(id, tunnel ? /^200 [0-9a-f]{32}\n$/ : /^200 \/open\/1 false$/)
    for (const scheme of ['rtmp', 'rtmps', ...(tunnel ? ['rtmpt', 'rtmpts'] : [])]) {
      const session = await connect(`${scheme}://127.0.0.1:${port}/live`, trusting)
      await session.close()
      t.equal(schemes.at(-1), scheme)
    }
  }
  t.same(asked, ['GET /film?a=1', 'GET /film', 'GET /film?a=1', 'GET /film', 'POST /open/1'])
})

t.test('and requests to upgrade, with a socket that carries a wire if it likes', { buffered }, async t => {
  const { port, server } = await everyDoor(t, {
    tunnel: false,
    upgrade: ({ headers }, socket, head) => {
      t.equal(headers.upgrade, 'rtmp')
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: rtmp\r\nConnection: Upgrade\r\n\r\n')
      if (head.length > 0) socket.unshift(head)
      server.emit('connection', socket)
    }
  })
  t.match(await hears(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 404 /)
  const asking = http.request({ port, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: 'rtmp' } }).end()
  const [, socket] = (await once(asking, 'upgrade')) as [unknown, net.Socket]
  const wire = messageWire(socket, { role: 'client' })
  const session = clientSession()
  pipeline([wire, session, wire], () => {})
  await session.connect({ app: 'live' })
  t.equal(await session.call('_checkbw'), 0)
  await session.close()
})

t.test('a Duplex from elsewhere is handed in like a socket', { buffered }, async t => {
  const inner = createServer()
  t.teardown(() => inner.close())
  const sessions: ServerSession[] = []
  inner.on('session', session => sessions.push(session))
  const front = net.createServer(socket => inner.emit('connection', socket))
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
  t.teardown(() => front.close())
  const session = await connect(`rtmp://127.0.0.1:${(front.address() as net.AddressInfo).port}/live`)
  t.match(sessions[0]!.peer, /^127\.0\.0\.1:\d+$/)
  await session.close()
})

t.test('a proxy takes any scheme on either side', { buffered }, async t => {
  const origin = await everyDoor(t)
  const reasons: Promise<Error | undefined>[] = []
  const front = createWireServer({ tls: ours, tunnel: true }, near => {
    reasons.push(proxy(near, dial(`rtmpts://127.0.0.1:${origin.port}`, { tls: { ca: ours.cert } })))
  })
  const port = await listen(t, front)
  const session = await connect(`rtmpe://127.0.0.1:${port}/live`)
  t.equal(await session.call('_checkbw'), 0)
  await session.close()
  t.same(await Promise.all(reasons), [undefined])
  t.same(origin.schemes, ['rtmpts'])
})

t.test('sniff: by the first byte, which stays', { buffered }, async t => {
  const said: [string, string][] = [
    ['\x03', 'rtmp'],
    ['\x06', 'rtmp'],
    ['\x08', 'rtmp'],
    ['\x00', 'rtmp'],
    ['\x16\x03', 'tls'],
    ['GET /', 'http'],
    ['POST', 'http'],
    ['@', 'rtmp'],
    ['[', 'rtmp'],
    ['\xff', 'rtmp']
  ]
  for (const [text, spoken] of said) {
    const { near, far } = await pair(t)
    far.write(Buffer.from(text, 'latin1'))
    t.equal(await sniff(near), spoken, JSON.stringify(text))
    const [bytes] = await once(near, 'data')
    t.equal(bytes.toString('latin1'), text)
  }
})

t.test('sniff: silence, an end and a failure', { buffered }, async t => {
  const silent = await pair(t)
  const clock = new TestClock()
  const sniffed = sniff(silent.near, { clock, limits: { handshakeMs: 100 } })
  clock.pass(100)
  await t.rejects(sniffed, { code: 'ERR_RTMP_HANDSHAKE_TIMEOUT', layer: 'handshake', offset: 0 })
  t.equal(silent.near.destroyed, false)
  const ended = await pair(t)
  ended.far.end()
  t.equal(await sniff(ended.near), undefined)
  const failed = await pair(t)
  const hearing = sniff(failed.near)
  failed.near.destroy(new Error('cable'))
  await t.rejects(hearing, { message: 'cable' })
  const timers = new TestClock()
  const quick = await pair(t)
  quick.far.write('P')
  await sniff(quick.near, { clock: timers })
  t.equal(timers.timers, 0, 'no timer is left')
})

/** Both ends of a connection. */
async function pair(t: Scope): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const far = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [near] = (await once(server, 'connection')) as [net.Socket]
  server.close()
  t.teardown(() => {
    near.destroy()
    far.destroy()
  })
  return { near, far }
}
