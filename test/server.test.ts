import { getEventListeners, once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ClientHandshake,
  command,
  commandMessage,
  createServer,
  createWireServer,
  messageWire,
  type Server,
  type ServerSession
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { alive } from './support/memory.ts'

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as net.AddressInfo).port
}

/** once() would take an error for it. */
const isClosed = (socket: net.Socket) => new Promise(resolve => socket.once('close', resolve))

const connect = (port: number) => {
  const wire = messageWire(net.connect(port, '127.0.0.1'), { role: 'client' })
  wire.on('error', () => {})
  wire.write(commandMessage(command('connect', 1, [{ app: 'live' }])))
  return wire.resume()
}

t.test('two servers in one process know nothing of each other', async t => {
  const seen: string[] = []
  const servers = ['one', 'two'].map(name => createServer(() => seen.push(name)))
  for (const server of servers) {
    connect(await listen(server))
    await once(server, 'session')
  }
  t.same(seen, ['one', 'two'])
  t.same(
    servers.map(({ sessions }) => sessions.size),
    [1, 1]
  )
  await Promise.all(servers.map(server => server[Symbol.asyncDispose]()))
})

t.test('a session knows where its peer is, and what it connected with', async t => {
  const server = createServer()
  const wire = connect(await listen(server))
  const [session] = (await once(server, 'session')) as [ServerSession]
  t.match(session.peer, /^127\.0\.0\.1:\d+$/)
  t.equal(session.connection, undefined)
  await once(wire, 'data')
  t.equal(session.connection?.app, 'live')
  await server[Symbol.asyncDispose]()
})

t.test('what goes wrong in a session never leaves it', async t => {
  const server = createServer()
  const errors: unknown[] = []
  server.on('sessionError', (error, session) => errors.push([error.code, session?.peer !== undefined]))
  const port = await listen(server)
  const good = connect(port)
  const bad: Buffer[] = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('160301020001', 'hex'),
    Buffer.concat([
      new ClientHandshake().hello(),
      Buffer.alloc(1536),
      Buffer.from('0200000000000401000000000000000000', 'hex')
    ]),
    Buffer.concat([
      new ClientHandshake().hello(),
      Buffer.alloc(1536),
      Buffer.from('03000000000003140000000002ffff', 'hex')
    ])
  ]
  for (const bytes of bad) {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(bytes)
    socket.resume()
    await isClosed(socket)
  }
  t.same(errors, [
    ['ERR_RTMP_HANDSHAKE_VERSION', false],
    ['ERR_RTMP_HANDSHAKE_VERSION', false],
    ['ERR_RTMP_CHUNK_SIZE', true],
    ['ERR_RTMP_TRUNCATED', true]
  ])
  t.equal(good.destroyed, false, 'and the one beside them goes on')
  await server[Symbol.asyncDispose]()
})

t.test('nobody need listen to the errors', async t => {
  const server = createServer()
  const socket = net.connect(await listen(server), '127.0.0.1')
  socket.on('error', () => {})
  socket.end('nonsense')
  socket.resume()
  await isClosed(socket)
  t.equal(server.listening, true)
  await server[Symbol.asyncDispose]()
})

t.test('half-open connections are closed on time, and cost little until then', async t => {
  const server = createServer({ limits: { handshakeMs: 300 } })
  const errors: string[] = []
  server.on('sessionError', error => errors.push(error.code))
  const port = await listen(server)
  const before = alive()
  const sockets = Array.from({ length: 500 }, () =>
    net
      .connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume()
  )
  for (const socket of sockets) socket.write(Buffer.of(3))
  await sleep(150)
  const each = (alive() - before) / sockets.length
  t.ok(each < 30_000, `${Math.round(each)} bytes each, both ends`)
  await Promise.all(sockets.map(isClosed))
  t.equal(errors.length, 500)
  t.same([...new Set(errors)], ['ERR_RTMP_HANDSHAKE_TIMEOUT'])
  t.equal(server.sessions.size, 0)
  await server[Symbol.asyncDispose]()
})

t.test('a server has room for so many, and says so', async t => {
  const server = createServer({ maxConnections: 2 })
  let dropped = 0
  server.on('drop', () => dropped++)
  const port = await listen(server)
  const held = [connect(port), connect(port)]
  await sleep(50)
  const third = net.connect(port, '127.0.0.1')
  third.on('error', () => {})
  third.resume()
  await isClosed(third)
  t.equal(dropped, 1)
  t.same(
    held.map(({ destroyed }) => destroyed),
    [false, false]
  )
  await server[Symbol.asyncDispose]()
})

t.test('close ends what is open, at once or after a grace', async t => {
  const server = createServer({ limits: { lingerMs: 50 } })
  const wire = connect(await listen(server))
  await once(server, 'session')
  const ended = once(wire, 'end')
  server.close({ graceMs: 100 })
  await sleep(50)
  t.equal(wire.readableEnded, false, 'not within its grace')
  await Promise.all([ended, once(server, 'close')])
  t.equal(server.sessions.size, 0)
})

t.test('within the grace new peers are refused, and who is there goes on', async t => {
  const server = createServer({ limits: { lingerMs: 50 } })
  const port = await listen(server)
  const wire = connect(port)
  await once(server, 'session')
  const closed = once(server, 'close')
  server.close({ graceMs: 60_000 })
  const [refused] = await once(net.connect(port, '127.0.0.1'), 'error')
  t.equal(refused.code, 'ECONNREFUSED')
  wire.write(commandMessage(command('createStream', 7, [null])))
  while (!(await once(wire, 'data'))[0].payload.includes('_result')) {}
  t.equal(server.sessions.size, 1)
  wire.destroy()
  await closed
  t.pass('and once all have left by themselves it is over, long before the grace is')
})

t.test('a signal closes it', async t => {
  const aborts = new AbortController()
  const server = createServer({ signal: aborts.signal })
  const wire = connect(await listen(server))
  await once(server, 'session')
  aborts.abort()
  await Promise.all([once(wire, 'close'), once(server, 'close')])
  t.equal(server.listening, false)
})

t.test('a signal that lives on keeps no server that is closed', async t => {
  const { signal } = new AbortController()
  const server = createServer({ signal })
  await listen(server)
  t.equal(getEventListeners(signal, 'abort').length, 1)
  await server[Symbol.asyncDispose]()
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('a wire that nobody asked for is ended, and its bytes end nothing else', async t => {
  const server = createWireServer()
  const port = await listen(server as Server)
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  const closed = isClosed(socket.resume())
  socket.write(Buffer.concat([new ClientHandshake().hello(), Buffer.alloc(1536), Buffer.alloc(64, 0xff)]))
  await closed
  t.equal(server.listening, true)
  await server[Symbol.asyncDispose]()
})

t.test('it may be disposed of at any time, more than once', async t => {
  const server = createServer()
  await server[Symbol.asyncDispose]()
  await listen(server)
  await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()])
  await server[Symbol.asyncDispose]()
  t.equal(server.listening, false)
})

t.test('an option that is wrong is told at once, and not by the first connection', async t => {
  const wrong = [
    { chunkSize: 1 },
    { windowSize: -1 },
    { windowSize: Number.NaN },
    { maxConnections: 0 },
    { limits: { messageStreams: -1 } },
    { limits: { decisionMs: Number.NaN } }
  ]
  for (const options of wrong) t.throws(() => createServer(options), RangeError, JSON.stringify(options))
  t.throws(() => createServer({ limits: { streams: 1 } as object }), TypeError)
  const clock = new TestClock()
  createServer({ clock, chunkSize: 128, windowSize: 4096, maxConnections: Infinity, limits: { messageStreams: 1 } })
  t.equal(clock.timers, 0, 'and nothing is left behind by one that is right')
})
