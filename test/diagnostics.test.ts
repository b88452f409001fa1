import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { pipeline } from 'node:stream'
import { connect, createServer, type DiagnosticsChannels, HttpPlay, httpFlv, LiveStreams, Refused } from 'rtmpipe'
import t from 'tap'
import { Program } from './support/programs.ts'

const NAMES: readonly (keyof DiagnosticsChannels)[] = [
  'rtmpipe:session:start',
  'rtmpipe:session:end',
  'rtmpipe:request:start',
  'rtmpipe:request:end',
  'rtmpipe:publish:start',
  'rtmpipe:publish:end',
  'rtmpipe:play:start',
  'rtmpipe:play:end',
  'rtmpipe:error'
]

/** What the channels carry, by name, while a test runs. */
function heard(t: { teardown(end: () => unknown): unknown }) {
  const all: { [Name in keyof DiagnosticsChannels]: DiagnosticsChannels[Name][] } = {
    'rtmpipe:session:start': [],
    'rtmpipe:session:end': [],
    'rtmpipe:request:start': [],
    'rtmpipe:request:end': [],
    'rtmpipe:publish:start': [],
    'rtmpipe:publish:end': [],
    'rtmpipe:play:start': [],
    'rtmpipe:play:end': [],
    'rtmpipe:error': []
  }
  const order: string[] = []
  for (const name of NAMES) {
    const hear = (message: unknown) => {
      all[name].push(message as never)
      order.push(name.replace('rtmpipe:', ''))
    }
    subscribe(name, hear)
    t.teardown(() => unsubscribe(name, hear))
  }
  return { all, order }
}

async function liveServer(t: { teardown(end: () => unknown): unknown }) {
  const lives = new LiveStreams({ holdMs: 0 })
  const report = () => {}
  const server = createServer(session => {
    session.on('publish', async publish => {
      if (publish.query.get('key') !== 'topsecret') throw new Refused('NetStream.Publish.Denied', 'wrong key')
      publish.rename('film')
      pipeline(publish.accept(), await lives.publish(publish.path), report)
    })
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), report))
  })
  server.on('sessionError', () => {})
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return { lives, server, port, url: `rtmp://127.0.0.1:${port}/live` }
}

t.test('the channels tell what sessions, requests and streams do, on both sides', async t => {
  const { server, url } = await liveServer(t)
  const { all, order } = heard(t)
  const client = await connect(url)
  await t.rejects(client.publish('name?key=guess'), { name: 'Refused', message: /wrong key/ })
  const publishing = await client.publish('name?key=topsecret')
  const [session] = [...server.sessions]
  const [publish] = session!.publishing
  await client.close()
  while (server.sessions.size > 0) await new Promise(setImmediate)
  const sides = (name: keyof DiagnosticsChannels) => all[name].map(({ session }) => session?.constructor.name)

  t.same(sides('rtmpipe:session:start'), ['ClientSession', 'ServerSession'])
  t.same(all['rtmpipe:session:end'].map(({ session, reason }) => [session.constructor.name, reason]).sort(), [
    ['ClientSession', 'closed'],
    ['ServerSession', 'left']
  ])
  t.ok(all['rtmpipe:session:start'].some(message => message.session === client))
  t.same(
    all['rtmpipe:request:start'].map(({ kind, request, session: of }) => [kind, of === session, request.app]),
    [
      ['connect', true, 'live'],
      ['publish', true, 'live'],
      ['publish', true, 'live']
    ]
  )
  t.same(
    all['rtmpipe:request:end'].map(({ outcome }) => (outcome instanceof Refused ? outcome.description : outcome)),
    ['granted', 'wrong key', 'granted']
  )
  t.same(
    all['rtmpipe:publish:start'].map(({ stream }) => stream),
    [all['rtmpipe:publish:end'][0]!.stream, publishing, publish],
    'the refused one of the client, and the granted one of both'
  )
  t.same(order.filter(name => name === 'publish:end').length, 3)
  t.same(all['rtmpipe:error'], [])
  t.equal(order.at(0), 'session:start')
})

t.test('errors are told once: of a session, of a listener, and of a connection without a session', async t => {
  const { server, port, url } = await liveServer(t)
  const { all } = heard(t)
  const client = await connect(url)
  const [session] = [...server.sessions]
  session!.on('handlerError', () => {})
  session!.on('play', () => {
    throw new Error('a mistake')
  })
  await t.rejects(client.play('film'))
  // too late to refuse: it ends the session
  session!.on('publish', async publish => {
    await publish.decided
    throw new Error('enough')
  })
  const publishing = await client.publish('film?key=topsecret')
  publishing.on('error', () => {})
  while (server.sessions.size > 0) await new Promise(setImmediate)
  const stranger = net.connect(port, '127.0.0.1').on('error', () => {})
  stranger.write('GET / HTTP/1.1\r\n\r\n')
  await once(server, 'sessionError')
  stranger.destroy()
  const told = all['rtmpipe:error'].map(({ error, session: of }) => [error.message, of === session])
  t.match(told, [
    ['a mistake', true],
    ['enough', true],
    [/^handshake version is not supported/, false]
  ])
  t.equal(all['rtmpipe:error'].at(-1)!.session, undefined)
})

t.test('a request over HTTP has no session', async t => {
  const { all } = heard(t)
  const page = http.createServer(httpFlv(play => play.reject('NetStream.Play.StreamNotFound')))
  page.listen(0, '127.0.0.1')
  await once(page, 'listening')
  t.teardown(() => page.close())
  const response = await fetch(`http://127.0.0.1:${(page.address() as net.AddressInfo).port}/live/film.flv`)
  t.equal(response.status, 404)
  await response.text()
  const [message] = all['rtmpipe:request:end']
  t.match(message, { kind: 'play', session: undefined, outcome: { status: 'NetStream.Play.StreamNotFound' } })
  t.ok(message!.request instanceof HttpPlay)
})

/** A server and a client of it in one process; the client's secrets are in the URL, in arguments and in names. */
const script = `
  import net from 'node:net'
  import { connect, createServer, LiveStreams } from 'rtmpipe'
  const server = createServer(session => {
    session.on('command', ({ name }, answer) => {
      if (name === 'login') answer({ secret: 'TOKEN', code: 'Logged.In' })
      else answer(null)
    })
    session.on('publish', publish => {
      if (publish.query.get('key') !== 'TOPSECRET') return publish.reject('NetStream.Publish.Denied', 'not ' + publish.name)
      publish.rename('film')
      publish.accept().resume()
    })
  })
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1', async () => {
    const { port } = server.address()
    const info = { password: 'PASSWORD', tcUrl: 'rtmp://me:PASSWORD@127.0.0.1:' + port + '/live?token=TOKEN&BARE' }
    const session = await connect('rtmp://127.0.0.1:' + port + '/live?token=TOKEN', { args: ['me', 'PASSWORD'], info })
    await session.publish('STREAMKEY?key=GUESS').catch(() => {})
    await session.publish('STREAMKEY?key=TOPSECRET')
    await session.call('login', 'me', { password: 'PASSWORD' }).catch(() => {})
    await session.call('odd\\n name', 1)
    const cycle = { name: 'me', ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => ['p' + i, i])) }
    cycle.name = [cycle]
    await session.call('cycle', cycle)
    await session.close()
    const stranger = net.connect(port, '127.0.0.1').on('error', () => {})
    stranger.write('GET / HTTP/1.1\\r\\n\\r\\n')
    server.once('sessionError', () => stranger.destroy() && server.close())
  })`

t.test('NODE_DEBUG=rtmpipe prints what happens, a line each, and no secret', async t => {
  const run = async (...env: string[]) => {
    const node = [...env, process.execPath, '--input-type=module', '--eval', script]
    const program = new Program(t, 'env', ['-u', 'NODE_DEBUG', ...node])
    const { code } = await program.ends()
    t.equal(code, 0)
    return program.said
  }
  const [on, off] = await Promise.all([run('NODE_DEBUG=rtmpipe'), run()])
  t.notMatch(off, 'rtmpipe')
  t.equal(off, '')
  const lines = on
    .trim()
    .split('\n')
    .map(line => line.replace(/^RTMPIPE \d+: /, '').replace(/127\.0\.0\.1:\d+/g, 'HOST'))
  const ofServer = lines
    .filter(line => line.startsWith('session 1 of HOST by rtmp: '))
    .map(line => line.replace('session 1 of HOST by rtmp: ', ''))
  t.match(ofServer, [
    'starts',
    /^< connect transaction 1: \{ app: 'live\?token=…', tcUrl: 'rtmp:\/\/…@HOST\/live\?token=…&…', .*\}, '…', '…'$/,
    /^> _result transaction 1: .*NetConnection.Connect.Success/,
    "< releaseStream transaction 2: null, 'ST…'",
    '> _result transaction 2: null, undefined',
    "< FCPublish transaction 3: null, 'ST…'",
    '> _result transaction 3: null, undefined',
    /^> onFCPublish: null, .*description: 'ST…\?key=…'/,
    '< createStream transaction 4: null',
    '> _result transaction 4: null, 1',
    "< publish transaction 5 on stream 1: null, 'ST…', 'live'",
    "> onStatus on stream 1: null, { level: 'error', code: 'NetStream.Publish.Denied', description: 'not ST…' }",
    '< deleteStream transaction 6: null, 1'
  ])
  for (const line of [
    "publish starts: 'live/film'",
    "< login transaction 11: null, '…', { password: '…' }",
    "> _result transaction 11: null, { secret: '…', code: 'Logged.In' }",
    "< 'odd\\n name' transaction 12: null, 1",
    "publish ends: 'live/film'",
    'ends: left'
  ])
    t.ok(ofServer.includes(line), line)
  for (const line of [
    'client of rtmp://HOST: ends: closed',
    'wire of HOST: handshake done: chunk size 65536, window size 2500000',
    'wire of HOST: < SetChunkSize 4096',
    'wire of HOST: < SetPeerBandwidth 2500000 dynamic',
    'connection failed: handshake version is not supported: 71, handshake layer, byte 0'
  ])
    t.ok(lines.includes(line), line)
  const cycle =
    ofServer.find(line => line.startsWith("< cycle transaction 13: null, { name: [ { name: '…', p0: 0")) ?? ''
  t.ok(cycle.length > 0 && cycle.length < 2000, cycle)
  t.notMatch(on, /PASSWORD|TOPSECRET|GUESS|STREAMKEY|TOKEN|BARE/)
  t.ok(
    on
      .trim()
      .split('\n')
      .every(line => line.startsWith('RTMPIPE ')),
    'one line each'
  )
})
