import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  authenticate,
  Capabilities,
  ChunkReader,
  type Command,
  type Connect,
  connect,
  createServer,
  isCommandType,
  isVideo,
  MessageReader,
  type ReconnectRequest,
  readCommand,
  splitStreamUrl
} from 'rtmpipe'
import t from 'tap'
import { readCapture } from './support/captures.ts'
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

/** The commands that a real program sent to its server. */
function captured(name: string): Command[] {
  const reader = new MessageReader()
  const commands: Command[] = []
  for (const { header, payload, last } of new ChunkReader().chunks(readCapture(name).client.bytes.subarray(3073))) {
    const message = reader.add(header, payload, 0, payload.length, last)
    if (message !== undefined && isCommandType(message.type)) commands.push(readCommand(message))
  }
  return commands
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

t.test('capabilities: what each side states, and nothing more', async t => {
  const asked: Connect[] = []
  const host = await serving(t, asking => {
    asked.push(asking)
    if (asking.app === 'own') asking.accept({}, { video: { av01: ['encode'] }, multitrack: true, hdr: true })
    else if (asking.app === 'none') asking.accept({}, {})
    else asking.accept()
  })
  await using plain = await connect(`rtmp://${host}/live`)
  t.notOk(asked[0]!.capabilities.isStated)
  t.same(
    ['fourCcList', 'videoFourCcInfoMap', 'audioFourCcInfoMap', 'capsEx'].filter(name => name in asked[0]!.info),
    []
  )
  t.ok(plain.capabilities.can('forward', 'video', 'vvc1'), 'a server forwards all by default')
  t.notOk(plain.capabilities.can('decode', 'video', 'vvc1'))
  t.match(plain.capabilities, { reconnect: true, multitrack: true, modEx: true, timestampNanoOffset: true, hdr: false })

  const capabilities = {
    video: { hvc1: ['decode', 'encode'], '*': ['forward'] },
    audio: { Opus: ['decode'] },
    reconnect: true,
    timestampNanoOffset: true,
    seek: true,
    hdr: true
  } as const
  await using own = await connect(`rtmp://${host}/own`, { capabilities })
  const { info, capabilities: heard } = asked[1]!
  t.match(info, {
    fourCcList: ['hvc1', '*', 'Opus'],
    videoFourCcInfoMap: { hvc1: 3, '*': 4 },
    audioFourCcInfoMap: { Opus: 1 },
    capsEx: 9,
    videoFunction: 3
  })
  t.match(heard, {
    isStated: true,
    reconnect: true,
    multitrack: false,
    modEx: false,
    timestampNanoOffset: true,
    hdr: true
  })
  t.same(heard.fourCcs, ['hvc1', '*', 'Opus'])
  for (const ability of ['decode', 'encode', 'forward'] as const) t.ok(heard.can(ability, 'video', 'hvc1'), ability)
  t.ok(heard.can('forward', 'video', 'vp08'), 'the wildcard is for each')
  t.notOk(heard.can('decode', 'video', 'vp08'))
  t.notOk(heard.can('encode', 'audio', 'Opus'))
  t.match(own.capabilities, { reconnect: false, multitrack: true, hdr: true, seek: false })
  t.ok(own.capabilities.can('encode', 'video', 'av01'))
  await using none = await connect(`rtmp://${host}/none`, { capabilities: {} })
  t.notOk(none.capabilities.isStated)

  await t.rejects(connect(`rtmp://${host}/live`, { capabilities: { video: { hevc1: ['decode'] } } }), TypeError)
  await t.rejects(connect(`rtmp://${host}/live`, { capabilities: { audio: { Opus: ['play' as never] } } }), TypeError)
})

t.test('capabilities of the wrong types, and of a name that every object has, are none', async t => {
  const lies = new Capabilities({
    fourCcList: 'hvc1',
    videoFourCcInfoMap: 7,
    audioFourCcInfoMap: { Opus: 'all', '*': null },
    capsEx: '15',
    videoFunction: 1
  })
  t.match(lies, { isStated: true, fourCcs: ['Opus', '*'], reconnect: false, seek: true })
  t.notOk(lies.can('decode', 'audio', 'Opus'))
  t.notOk(lies.can('decode', 'video', 'constructor'))
  const list = new Capabilities({ fourCcList: ['av01', 7, '*'] })
  t.ok(list.can('decode', 'video', 'av01'))
  t.notOk(list.can('decode', 'video', 'hvc1'))
  t.ok(list.can('forward', 'audio', 'Opus'))
})

t.test('what FFmpeg 8 states when it plays, and that it and OBS state nothing when they publish', async t => {
  const stated = (name: string) => {
    const connects = captured(name).filter(({ name }) => name === 'connect')
    return new Capabilities(connects[0]!.args[0] as never)
  }
  const player = stated('ffmpeg8-play-live-enhanced')
  t.ok(player.can('decode', 'video', 'hvc1'))
  t.notOk(player.reconnect)
  for (const name of ['ffmpeg8-publish-hevc-aac', 'obs-publish', 'gst-rtmp2sink-publish'])
    t.notOk(stated(name).isStated, name)
})

t.test('a request to reconnect, to a client that states that it follows one', async t => {
  const server = new LiveServer(t)
  const host = await server.listen()
  await using follows = await connect(`${host}/live/room?key=a`, { capabilities: { reconnect: true } })
  await using ignores = await connect(`${host}/live`)
  const [asked, other] = server.server.sessions
  const requests: ReconnectRequest[] = []
  const statuses: unknown[] = []
  follows.on('reconnectRequest', request => requests.push(request)).on('status', status => statuses.push(status))
  const base = host.replace('rtmp://', '')
  const forms: [tcUrl: string | undefined, heard: string | undefined][] = [
    [undefined, undefined],
    ['rtmp://foo.mydomain.com:1935/realtimeapp', 'rtmp://foo.mydomain.com:1935/realtimeapp'],
    ['rtmps://b.example/live?key=a b{', 'rtmps://b.example/live?key=a b{'],
    ['//192.0.2.0/realtimeapp', 'rtmp://192.0.2.0/realtimeapp'],
    ['/realtimeapp', `rtmp://${base}/realtimeapp`],
    ['other', `rtmp://${base}/live/other`],
    ['../other', `rtmp://${base}/other`],
    ['?key=b', `rtmp://${base}/live/room?key=b`]
  ]
  for (const [tcUrl] of forms) t.ok(asked!.requestReconnect({ ...(tcUrl && { tcUrl }), description: 'update' }))
  t.notOk(other!.requestReconnect(), 'not asked')
  t.throws(() => asked!.requestReconnect({ tcUrl: '' }), TypeError)
  t.throws(() => asked!.requestReconnect({ tcUrl: 'rtmp://[' }), TypeError)
  ignores.on('status', () => t.fail('it heard something'))
  await follows.call('getStreamLength', 'film')
  await ignores.call('getStreamLength', 'film')
  t.same(
    requests,
    forms.map(([, tcUrl]) => ({ tcUrl, description: 'update' }))
  )
  t.same(statuses[1], {
    level: 'status',
    code: 'NetConnection.Connect.ReconnectRequest',
    tcUrl: 'rtmp://foo.mydomain.com:1935/realtimeapp',
    description: 'update'
  })
  t.notOk(follows.closed, 'and the connection goes on')
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
