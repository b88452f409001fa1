import { getEventListeners, once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { pipeline } from 'node:stream'
import { pipeline as pipelined } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  authenticate,
  ClientHandshake,
  type ClientSession,
  clientSession,
  commandMessage,
  createCommand,
  createServer,
  createWireServer,
  connect as dialled,
  type EmitterOf,
  LiveStream,
  LiveStreams,
  messageWire,
  type Server,
  type ServerSession,
  type StreamEvents
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { video } from './support/media.ts'
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
  wire.write(commandMessage(createCommand('connect', 1, [{ app: 'live' }])))
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

/** Timers of the kernel's connections to or from a port: 02 is that of keepalive (Linux, Documentation/networking/proc_net_tcp.rst). */
const timersOf = (port: number): string[] => {
  const end = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const [established, ends] = ['01', lines.map(line => line.trim().split(/\s+/))]
  return ends
    .filter(([, local, remote, state]) => (local === end || remote === end) && state === established)
    .map(fields => fields[5]!.slice(0, 2))
}

t.test('both ends ask TCP to keep the connection alive', { skip: process.platform !== 'linux' }, async t => {
  const server = createServer()
  const port = await listen(server)
  const session = await dialled(`rtmp://127.0.0.1:${port}/live`)
  // until what was sent last has been acknowledged another timer runs
  while (timersOf(port).join() !== '02,02') await sleep(10)
  t.same(timersOf(port), ['02', '02'])
  await session.close()
  await server[Symbol.asyncDispose]()
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

/** A client over a socket of its own, so that it can leave as rudely as it likes. */
async function guest(port: number): Promise<{ session: ClientSession; socket: net.Socket }> {
  const socket = net.connect(port, '127.0.0.1')
  const wire = messageWire(socket, { role: 'client' })
  const session = clientSession()
  pipeline([wire, session, wire], () => {})
  await session.connect({ app: 'live' })
  return { session, socket }
}

t.test('who leaves is no error, in whatever way: the server of the README prints nothing', async t => {
  const lives = new LiveStreams({ holdMs: 10 })
  const printed: string[] = []
  const report = (error?: Error | null) => error && printed.push(error.message)
  const reasons: unknown[] = []
  const server = createServer(session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), report))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
    session.once('close', () => reasons.push(session.closeReason))
  })
  server.on('sessionError', report)
  const port = await listen(server)
  const leaves: readonly ((socket: net.Socket) => unknown)[] = [
    socket => socket.end(),
    socket => socket.destroy(),
    socket => socket.resetAndDestroy(),
    // it has read nothing of what was sent to it for a while
    async socket => {
      socket.pause()
      await sleep(20)
      socket.destroy()
    }
  ]
  for (const leave of leaves) {
    const [encoder, player, waiting] = await Promise.all([guest(port), guest(port), guest(port)])
    const publishing = await encoder.session.publish('film')
    const films = [await player.session.play('film'), await waiting.session.play('nothing')]
    for (const each of [publishing, ...films] as EmitterOf<StreamEvents>[]) each.on('error', () => {})
    for (let i = 0; i < 50; i++) publishing.write(video.keyframe(i * 40, 100_000))
    await once(films[0]!, 'data')
    for (const { socket } of [waiting, player, encoder]) await leave(socket)
    while (server.sessions.size > 0) await sleep(1)
    while (lives.size > 0) await sleep(1)
  }
  t.same(printed, [])
  t.same(reasons, Array(12).fill('left'))
  // before its handshake is over, too
  const early = net.connect(port, '127.0.0.1')
  early.write(Buffer.of(3))
  await once(server, 'connection')
  early.resetAndDestroy()
  await sleep(20)
  t.same(printed, [])
  await server[Symbol.asyncDispose]()
})

t.test('how a session has ended is its closeReason', async t => {
  const server = createServer({ limits: { lingerMs: 50 } })
  const errors: unknown[] = []
  server.on('sessionError', error => errors.push(error))
  const port = await listen(server)
  const reason = async (end: (session: ServerSession) => void) => {
    connect(port)
    const [session] = (await once(server, 'session')) as [ServerSession]
    t.equal(session.closeReason, undefined)
    const closed = new Promise(resolve => session.once('close', resolve))
    end(session)
    await closed
    await sleep(1)
    return session.closeReason
  }
  t.equal(await reason(session => session.close()), 'closed')
  t.equal(await reason(session => void session.destroy()), 'closed')
  t.same(errors, [])
  const fault = new Error('enough')
  t.equal(await reason(session => void session.destroy(fault)), fault)
  t.same(errors, [fault])
  await server[Symbol.asyncDispose]()
})

t.test('a handler that fails is told once, whenever it fails', async t => {
  const told: string[] = []
  const server = createServer(session => {
    session.on('publish', async publish => {
      if (publish.name === 'at once') throw new Error(publish.name)
      const live = pipelined(publish.accept(), new LiveStream({ holdMs: 0 }).input())
      if (publish.name === 'accepted') throw new Error(publish.name)
      if (publish.name === 'late') await sleep(10)
      if (publish.name === 'late') throw new Error(publish.name)
      await live
    })
    session.on('play', async play => pipelined(new LiveStream().player(), play.accept()))
  })
  server.on('sessionError', (error, session) => told.push(`${error.message} ${session?.closeReason === error}`))
  const rejected = (thrown: unknown) => told.push(`unhandled ${thrown}`)
  process.on('unhandledRejection', rejected)
  t.teardown(() => process.off('unhandledRejection', rejected))
  const port = await listen(server)
  let failed = 1
  for (const name of ['at once', 'accepted', 'late', 'good']) {
    const { session, socket } = await guest(port)
    const publishing = await session.publish(name).catch(() => undefined)
    publishing?.on('error', () => {})
    if (name !== 'good') while (told.length < failed) await sleep(1)
    failed++
    socket.destroy()
  }
  const { session, socket } = await guest(port)
  const playing = await session.play('film')
  playing.on('error', () => {})
  socket.resetAndDestroy()
  while (server.sessions.size > 0) await sleep(1)
  await sleep(5)
  t.same(told, ['at once false', 'accepted false', 'late false'])
  await server[Symbol.asyncDispose]()
})

t.test('a session with a listener for its own failures has them told there', async t => {
  const told: string[] = []
  const server = createServer(session => {
    session.on('publish', () => {
      throw new Error('it failed')
    })
    session.on('handlerError', error => told.push(`session: ${error.message}`))
  })
  server.on('sessionError', error => told.push(`server: ${error.message}`))
  const { session, socket } = await guest(await listen(server))
  await t.rejects(session.publish('film'), { code: 'ERR_RTMP_REFUSED' })
  socket.destroy()
  while (server.sessions.size > 0) await sleep(1)
  t.same(told, ['session: it failed'])
  await server[Symbol.asyncDispose]()
})

t.test("a developer's own mistakes are told on the server, once", async t => {
  const warnings: string[] = []
  const warned = (warning: Error) => warnings.push(`${warning.name}: ${warning.message}`)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const server = createServer({ limits: { decisionMs: 20 } }, session => {
    session.on('play', play => {
      if (play.name === 'failing') throw new Error('it failed')
    })
  })
  const port = await listen(server)
  for (let i = 0; i < 2; i++) {
    const { session, socket } = await guest(port)
    await t.rejects(session.publish('film'), { code: 'ERR_RTMP_REFUSED' })
    await t.rejects(session.play('film'), { code: 'ERR_RTMP_REFUSED' })
    socket.destroy()
  }
  t.same(warnings, [
    "RtmpWarning: 'publish' refused: the session has no listener for it",
    "RtmpWarning: 'play' refused: the application did not accept or reject it within limits.decisionMs (20 ms)"
  ])
  const { session, socket } = await guest(port)
  await t.rejects(session.play('failing'), { code: 'ERR_RTMP_REFUSED' })
  socket.destroy()
  await sleep(1)
  t.equal(warnings.at(-1), 'RtmpWarning: a listener has failed: it failed', 'and so is a failure nobody listens to')
  const again = await guest(port)
  await t.rejects(again.session.play('failing'), { code: 'ERR_RTMP_REFUSED' })
  again.socket.destroy()
  await sleep(1)
  t.equal(warnings.length, 3)
  await server[Symbol.asyncDispose]()
})

/** Where an application's code is called by a server of sessions: each with a listener that is to fail there. */
const calls: Record<string, (session: ServerSession, fail: () => unknown) => unknown> = {
  session: (_, fail) => fail(),
  connect: (session, fail) => session.on('connect', fail),
  password: (session, fail) => session.on('connect', authenticate({ password: fail as () => undefined })),
  publish: (session, fail) => session.on('publish', fail),
  play: (session, fail) => session.on('play', fail),
  ...Object.fromEntries(
    (['pause', 'seek', 'receiveAudio', 'receiveVideo', 'bufferLength'] as const).map(event => [
      event,
      (session, fail) => session.on('play', play => play.on(event, fail).accept())
    ])
  )
}

/** A client that says and asks all of it. */
async function asksAll(port: number): Promise<void> {
  const session = await dialled(`rtmp://user:password@127.0.0.1:${port}/live`).catch(() => undefined)
  if (session === undefined) return
  const asked = async () => {
    await session.publish('film').then(
      publishing => publishing.on('error', () => {}),
      () => {}
    )
    const playing = await session.play('film')
    playing.on('error', () => {})
    playing.receiveAudio(false)
    playing.receiveVideo(false)
    playing.setBufferLength(1)
    await Promise.all([playing.setPaused(true), playing.seek(1)])
  }
  await asked().catch(() => {})
  session.destroy()
}

t.test('whatever listener of an application fails, that is told, and goes no further', async t => {
  const warnings: (Error & { detail?: string })[] = []
  const warned = (warning: Error) => warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const lost = (thrown: unknown) => t.fail(`unhandled ${thrown}`)
  process.on('unhandledRejection', lost)
  t.teardown(() => process.off('unhandledRejection', lost))

  for (const [where, call] of Object.entries(calls)) {
    for (const isAsync of [false, true]) {
      const what = `${where}, ${isAsync ? 'later' : 'at once'}`
      const fail = () => {
        const failing = new Error(what)
        // a place of its own: each is told once
        failing.stack = `Error: ${what}\n    at ${what}`
        if (isAsync) return sleep(1).then(() => Promise.reject(failing))
        throw failing
      }
      for (const isHeard of [true, false]) {
        const told: string[] = []
        const server = createServer(session => call(session, fail))
        if (isHeard) server.on('sessionError', error => told.push(error.message))
        await asksAll(await listen(server))
        while (server.sessions.size > 0) await sleep(1)
        await server[Symbol.asyncDispose]()
        if (isHeard) t.same([...new Set(told)], [what])
        else t.match(warnings.at(-1), { name: 'RtmpWarning', message: what, detail: `at ${what}` })
      }
    }
  }
})

t.test('a listener for wires that fails is told, and its wire is ended', async t => {
  const warnings: string[] = []
  const warned = (warning: Error) => warnings.push(warning.message)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  for (const isHeard of [true, false]) {
    for (const isAsync of [false, true]) {
      const what = `wire ${isAsync}`
      const server = createWireServer(() => {
        if (isAsync) return Promise.reject(new Error(what))
        throw new Error(what)
      })
      const told = new Promise(resolve => {
        if (isHeard) server.on('wireError', resolve)
        else process.once('warning', resolve)
      })
      const wire = connect(await listen(server as Server))
      t.match(await told, { message: what })
      await new Promise(resolve => wire.once('close', resolve))
      await server[Symbol.asyncDispose]()
    }
  }
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
  server.on('sessionError', error => errors.push(`${error.code}`))
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
  wire.write(commandMessage(createCommand('createStream', 7, [null])))
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
