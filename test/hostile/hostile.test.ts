/**
 * The hostile peer: the threats of this field one by one, each as its bytes over a socket to a live server as the README wires
 * it. The session that is guilty ends with its code, or is answered and goes on; a publisher and a player beside it lose nothing.
 * A table at the end says what was sent and what became of it. RTMPIPE_ROWS names the rows to run, all unless told: `C1,A4`.
 *
 * The hostile web is the same by HTTP and WebSocket, to the HTTP side of `rtmpipe serve`.
 *
 * Elsewhere: T1 and T2, posts that are replayed, skipped, repeated, parallel or too long, and 10,000 opens, in
 * transport/tunnel.test.ts; L1 and L2, certificates that nobody vouches for, of another name or out of date, and TLS that is never
 * begun, in transport/doors.test.ts; the keys of RTMPE one by one in handshake/rtmpe.test.ts; many at a time in overload.long.test.ts;
 * M1 and M2, one by one, in rtmfp/hostile.test.ts. Waiting for its feature: F3 multitrack and ModEx, one more entry in cases/.
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  connect,
  createServer,
  flvDecoder,
  type HttpPlay,
  httpFlv,
  type Limits,
  LiveStreams,
  type Message
} from 'rtmpipe'
import { wsFlv } from 'rtmpipe/ws'
import t from 'tap'
import { apiHandler } from '../../lib/app/http/api.ts'
import { ApiEvents } from '../../lib/app/http/api-events.ts'
import { hostGuard, openHttp } from '../../lib/app/http/http-server.ts'
import { Recordings } from '../../lib/app/recordings.ts'
import { Relays } from '../../lib/app/relays.ts'
import { Identity } from '../../lib/rtmfp/crypto/identity.ts'
import { StartupPackets } from '../../lib/rtmfp/session/datagrams.ts'
import { RtmfpEndpoint } from '../../lib/rtmfp/session/endpoint.ts'
import { folder } from '../support/films.ts'
import { connected, eventually, Guest, Stage, WebGuest } from '../support/hostile.ts'
import { alive } from '../support/memory.ts'
import { type Case, cases, files, ofApi, ofWeb, TOKEN, type WebCase } from './cases/index.ts'

/** The row of peers that are slow to send headers. */
const SLOW = 'H1'
const KEY = `Sec-WebSocket-Key: ${'a'.repeat(22)}==`
const rows = process.env.RTMPIPE_ROWS?.split(',')
const inputs = ({ sends }: Case): readonly Buffer[] => (Buffer.isBuffer(sends) ? [sends] : sends)
const table: string[] = []

/** What a case hangs for at most, before it is told that it does: many times what any takes where it is slow. */
const HANG_MS = 300_000

/** What is found wrong, or that nothing is for too long. */
async function orHangs(judging: Promise<string[]>, heard: () => unknown): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined
  const hangs = new Promise<string[]>(resolve => {
    timer = setTimeout(() => resolve([`it hangs; heard ${heard()}`]), HANG_MS)
  })
  const wrong = await Promise.race([hangs, judging])
  clearTimeout(timer)
  return wrong
}

async function play(stage: Stage, given: Case, sends: Buffer): Promise<string[]> {
  const guest = new Guest(stage, given.reads === undefined ? {} : { reads: given.reads })
  const wrong = await orHangs(judged(stage, given, sends, guest), () => guest.heard.slice(-5))
  await guest.leaves()
  return wrong
}

async function judged(stage: Stage, given: Case, sends: Buffer, guest: Guest): Promise<string[]> {
  const { behind = connected, ends = 'goes on', hears, asks = {}, reads, meanwhile, shows, holds } = given
  const wrong: string[] = []
  stage.forget()
  await stage.witness()
  const before = holds === undefined ? 0 : alive()
  await guest.writes([behind, sends])
  await meanwhile?.(stage, guest)
  if (holds !== undefined) {
    let held = Number.POSITIVE_INFINITY
    // what has been read may still be on its way through
    for (let looks = 0; held > holds && looks < 5; looks++) {
      await guest.settles()
      held = alive() - before
    }
    if (held > holds) wrong.push(`it holds ${held} bytes more`)
  }
  if (reads === false) guest.reads()
  if (asks !== 'nothing') await guest.asks(asks)
  const outcome = await guest.outcome()
  if (outcome !== ends) wrong.push(`${outcome}, and not ${ends}`)
  if (hears !== undefined && !guest.heard.some(line => hears.test(line))) wrong.push(`heard ${guest.heard.slice(-5)}`)
  if (wrong.length === 0 && shows !== undefined) {
    const [found, wanted] = shows(stage, guest).map(each => JSON.stringify(each))
    if (found !== wanted) wrong.push(`${found}, and not ${wanted}`)
  }
  await stage.witness()
  return wrong
}

t.test('the hostile peer', async t => {
  process.on('unhandledRejection', thrown => t.fail('an unhandled rejection', { thrown }))
  const home = folder(t)
  mkdirSync(join(home, 'rec', 'live'), { recursive: true })
  mkdirSync(join(home, 'elsewhere'))
  symlinkSync(join(home, 'elsewhere'), join(home, 'rec', 'live', 'out'))
  const stage = await new Stage(join(home, 'rec')).open(t)
  for (const given of cases.filter(({ row }) => rows?.includes(row) ?? true)) {
    const { row, what, ends = 'goes on' } = given
    await t.test(`${row} ${what}`, async t => {
      const wrong: string[] = []
      for (const each of inputs(given)) wrong.push(...(await play(stage, given, each)))
      t.same(wrong, [])
      const became = wrong.length === 0 ? 'so it was' : wrong[0]
      table.push(`${row.padEnd(4)} ${what.padEnd(64)} ${ends.padEnd(34)} ${became}`)
    })
  }
  t.same(stage.lost, [], 'the witnesses have lost nothing')
  t.same(readdirSync(join(home, 'elsewhere')), [], 'nothing was written elsewhere')
  t.same(readdirSync(home).sort(), ['elsewhere', 'rec'])
})

t.test('files', async t => {
  for (const { what, bytes, ends } of files) {
    await t.test(`F2 ${what}`, async t => {
      let outcome: string | number
      try {
        outcome = (await Readable.from([bytes], { objectMode: false }).pipe(flvDecoder()).toArray()).length
      } catch (error) {
        outcome = (error as NodeJS.ErrnoException).code ?? 'no code'
      }
      t.equal(outcome, ends)
      table.push(`F2   ${what.padEnd(64)} ${String(ends).padEnd(34)} ${outcome === ends ? 'so it was' : outcome}`)
    })
  }
})

t.test('the hostile web', async t => {
  const stage = await new Stage(folder(t)).open(t)
  const hear = async (play: HttpPlay) =>
    pipeline(await stage.lives.play(play.path, { missing: 'refuse' }), play.accept(), () => {})
  const page = hostGuard({})((request, response, next) => (request.url === '/page' ? response.end('page') : next()))
  const flv = httpFlv(hear, { clock: stage.clock })
  const open = (headersMs: number) =>
    openHttp({ httpPort: 0, headersMs }, [flv, page], wsFlv(hear, { clock: stage.clock }))
  // one that waits, so that a slow machine is not taken for a slow peer
  const [web, hasty] = [await open(30_000), await open(500)]
  t.teardown(() => Promise.all([web.close(0), hasty.close(0)]))
  const urlFor = (row: string) => (row === SLOW ? hasty : web).urls[0]!

  for (const given of ofWeb.filter(({ row }) => rows?.includes(row) ?? true)) {
    const { row, what, ends = 'goes on' } = given
    await t.test(`${row} ${what}`, async t => {
      const wrong: string[] = []
      for (const each of given.sends) wrong.push(...(await visit(stage, urlFor(row), given, each)))
      t.same(wrong, [])
      table.push(`${row.padEnd(4)} ${what.padEnd(64)} ${ends.padEnd(34)} ${wrong[0] ?? 'so it was'}`)
    })
  }

  const skip = !(rows?.includes('H9') ?? true)
  await t.test('H9 1,000 idle viewers, and 1,000 connections that say nothing', { skip }, async t => {
    const readers = () => stage.lives.find('live/witness')!.stats().readers
    const count = readers()
    const viewers: WebGuest[] = []
    const silent: WebGuest[] = []
    while (viewers.length < 1000) {
      // no more at once than wait to be accepted: the system forgets those who come beyond, and they would never know
      const some = Array.from({ length: 100 }, () => new WebGuest(urlFor('H9')))
      for (const [i, { socket }] of some.entries()) {
        const headers = i % 2 ? ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', KEY] : []
        socket.write([`GET /live/witness.flv HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n'))
      }
      const others = Array.from({ length: 100 }, () => new WebGuest(urlFor(SLOW)))
      await Promise.all(others.map(({ socket }) => once(socket, 'connect')))
      await Promise.all(some.map(each => each.until(() => each.heard.includes('FLV'))))
      viewers.push(...some)
      silent.push(...others)
    }
    const before = viewers.map(({ heard }) => heard.length)
    await stage.witness(100)
    await Promise.all(viewers.map((viewer, i) => viewer.until(() => viewer.heard.length >= before[i]! + 100)))
    await Promise.all(silent.map(each => each.until(() => each.socket.closed)))
    t.equal(readers(), count + 1000)
    for (const { socket } of viewers) socket.destroy()
    await eventually(() => readers() === count)
    await stage.witness()
  })
  t.same(stage.lost, [], 'the witnesses have lost nothing')
})

async function visit(stage: Stage, url: string, given: WebCase, sends: Buffer): Promise<string[]> {
  const guest = new WebGuest(url)
  const wrong = await orHangs(judgedOnWeb(stage, given, sends, guest), () => guest.heard.slice(-200))
  guest.socket.destroy()
  await stage.witness()
  return wrong.map(each => `${JSON.stringify(sends.toString('latin1').slice(0, 80))}: ${each}`)
}

async function judgedOnWeb(stage: Stage, given: WebCase, sends: Buffer, guest: WebGuest): Promise<string[]> {
  const { hears, ends = 'goes on', slowly, reads, holds, meanwhile } = given
  const wrong: string[] = []
  await stage.witness()
  const before = holds === undefined ? 0 : alive()
  if (reads === false) guest.socket.pause()
  if (slowly) {
    for (const byte of sends) {
      if (guest.socket.destroyed) break
      guest.socket.write(Buffer.of(byte))
      await turnOfTheLoop()
    }
  } else if (holds === undefined) guest.socket.write(sends)
  else await guest.writes(sends)
  if (holds !== undefined) {
    let held = alive() - before
    for (let looks = 0; held > holds && looks < 5; looks++) {
      for (let i = 0; i < 50; i++) await turnOfTheLoop()
      held = alive() - before
    }
    if (held > holds) wrong.push(`it holds ${held} bytes more`)
  }
  await meanwhile?.(stage, guest)
  guest.socket.resume()
  if (hears !== undefined) await guest.until(() => hears.test(guest.heard) || guest.socket.closed)
  if (ends === 'closed') await guest.until(() => guest.socket.closed)
  else {
    guest.heard = guest.heard.replace(hears ?? '', '')
    guest.socket.write('GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await guest.until(() => /HTTP\/1\.1 200 OK[\s\S]*page$/.test(guest.heard) || guest.socket.closed)
    if (guest.socket.closed) wrong.push(`closed, having said ${guest.heard.slice(-200)}`)
  }
  if (ends === 'closed' && hears !== undefined && !hears.test(guest.heard)) wrong.push(guest.heard.slice(0, 200))
  return wrong
}

t.test('the hostile client of the API', async t => {
  const stage = await new Stage(folder(t)).open(t)
  const log = () => {}
  const [recordings, relays] = [new Recordings({}, log), new Relays(log)]
  const subjects = { ...stage, recordings, relays, urls: () => [], needsKey: () => false, wsFlv: false }
  const web = await openHttp({ httpPort: 0 }, [apiHandler(subjects, new ApiEvents(), { apiToken: TOKEN }, log)])
  t.teardown(() => web.close(0))
  const says = (bytes: Buffer | string) => {
    const guest = new WebGuest(web.urls[0]!)
    guest.socket.write(bytes)
    return guest
  }
  /** What the API has said until this, or until it has closed. */
  const answer = async (guest: WebGuest, hears: RegExp) => {
    await guest.until(() => hears.test(guest.heard) || guest.socket.closed)
    return guest.heard
  }
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`
  /** It goes on for others: they are told of the stream, and the witnesses lose nothing. */
  const goesOn = async () => {
    await stage.witness()
    const guest = says(get('/api/streams'))
    await answer(guest, /^HTTP\/1\.1 200 .*live\/witness/s)
    guest.socket.destroy()
  }

  for (const { row, what, sends, hears } of ofApi.filter(({ row }) => rows?.includes(row) ?? true)) {
    await t.test(`${row} ${what}`, async t => {
      const wrong: string[] = []
      for (const each of sends) {
        const guest = says(each)
        const said = await answer(guest, hears)
        guest.socket.destroy()
        if (!hears.test(said) || said.includes(TOKEN))
          wrong.push(`${each.toString('latin1', 0, 60)}: ${said.slice(0, 200)}`)
      }
      await goesOn()
      t.same(wrong, [])
      table.push(`${row.padEnd(4)} ${what.padEnd(64)} ${'is refused'.padEnd(34)} ${wrong[0] ?? 'so it was'}`)
    })
  }

  await t.test('I6 200 bodies that stop half way', async t => {
    const headers = `Host: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 60`
    const slow = Array.from({ length: 200 }, () => says(`POST /api/relays HTTP/1.1\r\n${headers}\r\n\r\n{"path":`))
    await goesOn()
    for (const { socket } of slow) socket.destroy()
    await goesOn()
    t.equal(relays.size, 0)
  })

  await t.test('I7 1,000 listeners to events, of whom half read nothing', async t => {
    const all: WebGuest[] = []
    const listens = async () => {
      const guest = says(get('/api/events'))
      all.push(guest)
      return (await answer(guest, /^HTTP\/1\.1 \d+ /)).slice(9, 12)
    }
    const statuses: string[] = []
    // no more at once than wait to be accepted
    while (all.length < 1000) statuses.push(...(await Promise.all(Array.from({ length: 100 }, listens))))
    for (const { socket } of all.slice(0, 500)) socket.pause()
    t.equal(statuses.filter(status => status === '200').length, 256)
    t.equal(statuses.filter(status => status === '503').length, 744)
    for (let i = 0; i < 10; i++) await goesOn()
    for (const { socket } of all) socket.destroy()
    while ((await listens()) !== '200') await turnOfTheLoop()
    all.at(-1)!.socket.destroy()
  })
  t.same(stage.lost, [], 'the witnesses have lost nothing')
})

t.test('as many as SECURITY.md says', async t => {
  const text = readFileSync('SECURITY.md', 'utf8')
  const [, ofCases, ofInputs] = /the hostile peer.*\| (\d+) \((\d+) inputs\) \|/.exec(text)!
  // that of the idle viewers, and two of the API, stand in no table
  t.equal(cases.length + files.length + ofWeb.length + ofApi.length + 3, Number(ofCases))
  const ofHttp = [...ofWeb, ...ofApi].flatMap(({ sends }) => sends)
  t.equal(cases.flatMap(inputs).length + files.length + ofHttp.length + 3, Number(ofInputs))
})

/** A server on UDP, with a publisher and a player over RTMFP who are to go on. */
async function overUdp(limits: Partial<Limits> = {}) {
  const lives = new LiveStreams({ holdMs: 0 })
  const server = createServer({ rtmfp: true, limits }, session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), () => {}))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const [publisher, player] = [
    await connect(`rtmfp://127.0.0.1:${port}/live`),
    await connect(`rtmfp://127.0.0.1:${port}/live`)
  ]
  const publishing = await publisher.publish('film')
  const playing = await player.play('film')
  const heard: number[] = []
  playing.on('data', (message: Message) => heard.push(message.timestamp))
  const goesOn = async (timestamp: number) => {
    // data, which has no deadline
    publishing.write({ type: 18, messageStreamId: 1, timestamp, payload: Buffer.from('0200036d6f6f', 'hex') })
    await eventually(() => heard.includes(timestamp))
  }
  await goesOn(1)
  const end = async () => {
    for (const session of [publisher, player]) await session[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  }
  return { server, port, goesOn, end }
}

t.test('M1 a thousand who open a session, from a port each, and say nothing in it: it goes on', async t => {
  const { server, port, goesOn, end } = await overUdp({ connectMs: 1000 })
  const ended: (string | undefined)[] = []
  server.on('sessionError', error => ended.push(error.code))
  const identity = new Identity({ groups: [2], isStatic: true })
  const places = [{ address: '127.0.0.1', port }]
  let keyed = 0
  const opens = async () => {
    const socket = dgram.createSocket('udp4')
    const endpoint = new RtmfpEndpoint({ identity })
    const say = () => {
      for (const { bytes } of endpoint.output(performance.now())) socket.send(bytes, port, '127.0.0.1')
    }
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(20_000) })
    endpoint.open({ ancillaryData: Buffer.from('rtmfp://127.0.0.1/live') }, places, performance.now())
    endpoint.elapsed(performance.now())
    say()
    const [hello] = await answered
    endpoint.input(hello, places[0]!, performance.now())
    endpoint.elapsed(performance.now())
    say()
    keyed++
    // the answer to its keying comes too late
    await new Promise<void>(resolve => setImmediate(() => socket.close(resolve)))
  }
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 20 }, opens))
    await goesOn(2 + round)
  }
  t.equal(keyed, 1000)
  await eventually(() => server.sessions.size === 2)
  t.ok(ended.length > 0 && ended.every(code => code === 'ERR_RTMP_CONNECT_TIMEOUT'), `${ended.length} sessions`)
  await goesOn(100)
  await end()
})

t.test(
  'M1 strangers on the UDP port of a server: it goes on, and answers with no more than three times what they send',
  async t => {
    const { server, port, goesOn, end } = await overUdp()
    server.on('sessionError', error => t.fail(`${error}`))

    const stranger = dgram.createSocket('udp4')
    let [sent, answered] = [0, 0]
    stranger.on('message', ({ length }) => (answered += length))
    const says = async (bytes: Buffer) => {
      sent += bytes.length
      await new Promise<unknown>(resolve => stranger.send(bytes, port, '127.0.0.1', resolve))
    }
    const startup = new StartupPackets()
    const endpointDiscriminator = Buffer.from([29, 0x0a, ...Buffer.alloc(28, 'x')])
    for (const length of [0, 8, 16, 32, 100, 257, 9000, 65_400, 65_440])
      for (let i = 0; i < 20; i++)
        await says(startup.seal({ kind: 'IHello', endpointDiscriminator, tag: Buffer.alloc(length, i) }))
    for (let length = 1; length < 1500; length += 7) await says(Buffer.alloc(length, length & 0xff))
    await says(Buffer.alloc(65_507))
    const keying = {
      initiatorSessionId: 1,
      certificate: Buffer.alloc(900),
      keyComponent: Buffer.alloc(200),
      signature: Buffer.of(0x58)
    }
    for (let i = 0; i < 200; i++)
      await says(startup.seal({ kind: 'IIKeying', cookieEcho: Buffer.alloc(64, i), ...keying }))
    for (let i = 0; i < 200; i++)
      await says(
        startup.seal({ kind: 'PacketFragment', more: true, packetId: i, fragmentNumber: 0, data: Buffer.alloc(1100) })
      )
    await goesOn(2)
    t.ok(answered > 0 && answered <= 3 * sent, `${answered} bytes for ${sent}`)
    t.equal(server.sessions.size, 2)
    stranger.close()
    await end()
  }
)

t.test('S11 an application hangs up before anything is made of a connection', async t => {
  const server = createServer(() => t.fail('a session'))
  server.on('sessionError', () => {})
  const seen: (string | undefined)[] = []
  server.prependListener('connection', bytes => {
    seen.push((bytes as net.Socket).remoteAddress)
    bytes.destroy()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {})
      socket.write(connected)
      await new Promise(resolve => socket.resume().once('close', resolve))
    })
  )
  t.equal(seen.length, 50)
  t.equal(server.sessions.size, 0)
  await server[Symbol.asyncDispose]()
})

t.teardown(() => {
  for (const line of table) t.comment(line)
})
