import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import { authenticate, type Connect, connect, createServer, isVideo, splitStreamUrl } from 'rtmpipe'
import t from 'tap'
import { LiveServer } from './support/live-server.ts'
import { video } from './support/media.ts'

type Scope = { teardown(end: () => unknown): unknown }

async function serving(t: Scope, hear: (connect: Connect) => unknown): Promise<string> {
  const server = createServer(session => session.on('connect', hear))
  server.on('sessionError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

t.test('what a server is told of us', async t => {
  const asked: Connect[] = []
  const host = await serving(t, asking => {
    asked.push(asking)
    asking.accept({ hello: 'there' })
  })
  const options = { info: { flashVer: 'mine', fourCcList: ['hvc1'] }, args: ['token'] }
  await using _session = await connect(`rtmp://${host}/live/x?key=a`, options)
  const [{ app, tcUrl, query, info, args }] = asked as [Connect]
  t.same([app, tcUrl, `${query}`, args], ['live/x', `rtmp://${host}/live/x?key=a`, 'key=a', ['token']])
  t.match(info, { flashVer: 'mine', fourCcList: ['hvc1'], type: 'nonprivate', objectEncoding: 0 })
})

for (const scheme of ['adobe', 'llnw'] as const) {
  t.test(`a password, asked for by authmod=${scheme}`, async t => {
    const users: unknown[] = []
    const check = authenticate({ scheme, password: user => (user === 'ada' ? 'p@ss/wörd' : undefined) })
    const host = await serving(t, async asking => {
      await check(asking)
      if (asking.user !== undefined) users.push([asking.user, asking.app, `${asking.query}`])
    })
    await using _one = await connect(`rtmp://ada:p%40ss%2Fw%C3%B6rd@${host}/live?key=a`)
    await using _other = await connect(`rtmp://${host}/live`, { user: 'ada', password: 'p@ss/wörd' })
    t.same(users, [
      ['ada', 'live', 'key=a'],
      ['ada', 'live', '']
    ])
    await t.rejects(connect(`rtmp://ada:wrong@${host}/live`), { code: 'ERR_RTMP_REFUSED' })
    await t.rejects(connect(`rtmp://bob:p@${host}/live`), { code: 'ERR_RTMP_REFUSED' })
    await t.rejects(connect(`rtmp://${host}/live`), { code: 'ERR_RTMP_REFUSED', description: /need auth/ })
  })
}

t.test('the URL of a stream that has an app alone: what is published there is played there', async t => {
  const server = new LiveServer(t, { live: { holdMs: 20 } })
  const host = await server.listen()
  const { url, name } = splitStreamUrl(`${host}/cam1?user=a&pass=b`)
  await using publisher = await connect(url)
  const publishing = await publisher.publish(name)
  for (const at of [0, 40]) publishing.write(video.keyframe(at))
  await server.happens('publish cam1?user=a&pass=b')
  await using player = await connect(`${host}/cam1`)
  const [message] = await once(await player.play(''), 'data')
  t.ok(isVideo(message))
  await server.happens('play cam1')
})

t.test('what a server sent before it broke off is played, however slowly, and then comes the error', async t => {
  const count = 200
  const sockets: net.Socket[] = []
  const server = createServer(session =>
    session.on('play', play => {
      const out = play.accept()
      for (let at = 0; at < count; at++) out.write(video.keyframe(at, 100))
    })
  )
  server.on('connection', bytes => sockets.push(bytes as net.Socket)).on('sessionError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  await using session = await connect(`rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`)
  session.on('error', () => {})
  const played: number[] = []
  const read = async () => {
    for await (const { timestamp } of await session.play('film')) {
      played.push(timestamp)
      if (timestamp === 0) {
        const [socket] = sockets
        while (socket!.writableLength > 0) await wait(1)
        socket!.resetAndDestroy()
      }
      await wait(1)
    }
  }
  await t.rejects(read(), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  t.same(played, [...Array(count).keys()])
})

t.test('an error of the way there tells no part of a password', async t => {
  for (const secret of ['s3cret', 's3@127.0.0.1:1/cret', 's3cret@localhost:1/et']) {
    for (const scheme of ['rtmp', 'rtmpt', 'rtmps']) {
      const error = await connect(`${scheme}://ada:${secret}@127.0.0.1:1/live`).catch(failure => failure)
      t.match(error, { code: 'ECONNREFUSED', message: /%2F/ }, secret)
      t.notMatch(inspect(error, { showHidden: true, depth: 5 }), /s3|cret|et@|localhost|127\.0/, secret)
    }
  }
})

t.test('nobody there, nobody who answers, nobody who speaks RTMP: each a typed end', async t => {
  await t.rejects(connect('rtmp://127.0.0.1:1/live'), { code: 'ECONNREFUSED' })
  await t.rejects(connect('http://127.0.0.1/live'), TypeError)
  const sockets = new Set<net.Socket>()
  const listening = async (hear: (socket: net.Socket) => void) => {
    const server = net.createServer(socket => {
      sockets.add(socket)
      socket.on('error', () => {})
      hear(socket)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return `rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`
  }
  const silent = await listening(() => {})
  await t.rejects(connect(silent, { timeoutMs: 50 }), { code: 'ERR_RTMP_HANDSHAKE_TIMEOUT' })
  const deaf = await serving(t, () => {})
  await t.rejects(connect(`rtmp://${deaf}/live`, { timeoutMs: 100 }), { code: 'ERR_RTMP_ANSWER_TIMEOUT' })
  const web = await listening(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await t.rejects(connect(web), { code: 'ERR_RTMP_HANDSHAKE_VERSION' })
  const leaving = await listening(socket => socket.end())
  await t.rejects(connect(leaving), { code: /PREMATURE_CLOSE/ })
})

t.test('a signal ends the attempt, and the session after it', async t => {
  const early = new AbortController()
  early.abort()
  await t.rejects(connect('rtmp://127.0.0.1:1/live', { signal: early.signal }), { name: 'AbortError' })
  const host = await serving(t, asking => asking.accept())
  const late = new AbortController()
  const session = await connect(`rtmp://${host}/live`, { signal: late.signal })
  const called = t.rejects(
    session.createStream().then(() => session.call('never')),
    { name: /AbortError|RtmpError/ }
  )
  late.abort()
  await called
  t.ok(session.destroyed)
})

t.test('an option that is wrong is told, and leaves no socket behind', async t => {
  const sockets = new Set<net.Socket>()
  const server = net.createServer(socket => sockets.add(socket.on('close', () => sockets.delete(socket)).resume()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const url = `rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`
  for (const options of [{ timeoutMs: 0 }, { chunkSize: 1 }, { limits: { stallMs: -1 } }]) {
    await t.rejects(connect(url, options), RangeError)
  }
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(sockets.size, 0)
})
