import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { connect, isKeyframe, type Message, pace } from 'rtmpipe'
import t from 'tap'
import { chance } from '../../support/chance.ts'
import { film, folder, packets, packetsOf, tags } from '../../support/films.ts'
import { LiveServer } from '../../support/live-server.ts'
import { byKind } from '../../support/media.ts'
import { players, publishers } from '../../support/players.ts'
import { Program, without } from '../../support/programs.ts'
import { UdpMiddlebox, type UdpMiddleboxOptions } from '../../support/udp-middlebox.ts'

/** RTMFP over real UDP, in real time: what is played is what was published, to the byte and the millisecond. */
t.jobs = 4
const skip = without('ffmpeg')
const options = { skip, buffered: true }
const SECONDS = 60

type Scope = { teardown(end: () => unknown): unknown }

const source = join(folder(t), 'film.flv')
const sent: readonly Message[] = skip
  ? []
  : tags(readFileSync(film(source, { seconds: SECONDS }))).map(({ message }) => message)
const KINDS = ['audio', 'video'] as const
const all = byKind(sent)

/** No frame is left out because this machine is busy. */
const patient = { lifetimes: { audioMs: 600_000, videoMs: 600_000 } }
const live = { holdMs: 100 }

const appOf = (port: number | string) => `rtmfp://127.0.0.1:${port}/live`

/** A path to a server. */
async function through(t: Scope, url: string, path: Partial<UdpMiddleboxOptions>) {
  const box = await UdpMiddlebox.open({ port: Number(new URL(url).port), chance: chance(1), ...path })
  t.teardown(() => box.close())
  return { box, app: appOf(box.place.port) }
}

/** What a player gets until the film ends. */
async function plays(app: string, each: (message: Message) => void = () => {}): Promise<{ got: Promise<Message[]> }> {
  const session = await connect(app)
  const playing = await session.play('film')
  playing.on('data', each)
  return { got: playing.toArray().finally(() => session.close()) }
}

async function publishes(t: Scope, app: string, messages = sent): Promise<void> {
  const session = await connect(app)
  t.teardown(() => session.close())
  await pipeline(Readable.from(messages), pace(), await session.publish('film'))
}

const paths: [name: string, path: Partial<UdpMiddleboxOptions>][] = [
  ['as it is', {}],
  ['that loses 2 % and takes 20 ms', { loss: 0.02, delay: [20, 20] }],
  ['on which datagrams overtake each other, and come twice', { delay: [2, 30], repeats: 0.05 }],
  ['of an MTU of 1280', { maxLength: 1280 - 28, delay: [5, 5] }]
]

for (const [name, path] of paths)
  t.test(`a film over a path ${name}: every message`, { ...options }, async t => {
    const server = new LiveServer(t, { rtmfp: patient, live })
    const url = await server.listen()
    const [near, far] = [await through(t, url, path), await through(t, url, { ...path, chance: chance(2) })]
    const { got } = await plays(far.app)
    await server.happens('play live/film')
    await publishes(t, near.app)
    const played = byKind(await got)
    for (const kind of KINDS) t.same(played[kind], all[kind], kind)
    const [lost, came] = [near.box.lost + far.box.lost, near.box.came + far.box.came]
    if (path.loss !== undefined || path.maxLength !== undefined) t.ok(lost > 0)
    t.comment(`${lost} of ${came} datagrams lost`)
  })

t.test('a film over a path that loses 2 % and takes 20 ms, with the usual lifetimes', { ...options }, async t => {
  const server = new LiveServer(t, { rtmfp: true, live })
  const url = await server.listen()
  const path = { loss: 0.02, delay: [20, 20] } as const
  const [near, far] = [await through(t, url, path), await through(t, url, { ...path, chance: chance(2) })]
  const { got } = await plays(far.app)
  await server.happens('play live/film')
  await publishes(t, near.app)
  const played = byKind(await got)
  for (const kind of KINDS) {
    t.comment(`${kind}: ${played[kind].length} of ${all[kind].length}`)
    const there = new Set(played[kind])
    t.same(
      played[kind],
      all[kind].filter(each => there.has(each)),
      `${kind} in order, with its times`
    )
  }
})

for (const who of ['publisher', 'player'] as const)
  t.test(`the address of a ${who} changes amid a film: every message`, { ...options }, async t => {
    const server = new LiveServer(t, { rtmfp: patient, live })
    const url = await server.listen()
    const [near, far] = [await through(t, url, {}), await through(t, url, {})]
    let count = 0
    const { got } = await plays(far.app, () => {
      if (++count === sent.length >> 1) (who === 'player' ? far : near).box.rebind()
    })
    await server.happens('play live/film')
    await publishes(t, near.app)
    const played = byKind(await got)
    for (const kind of KINDS) t.same(played[kind], all[kind], kind)
  })

t.test('a player that reads nothing is ended, and another beside it gets all', { ...options }, async t => {
  const server = new LiveServer(t, { rtmfp: true, live, limits: { stallMs: 10_000 } })
  const app = appOf(new URL(await server.listen()).port)
  const stalled = await connect(app, { limits: { rtmfpFlowBytes: 65_536 } })
  const playing = await stalled.play('film')
  playing.on('error', () => {})
  const { got } = await plays(app)
  await server.happens('play live/film', 2)
  await publishes(t, app)
  const played = byKind(await got)
  for (const kind of KINDS) t.same(played[kind], all[kind], kind)
  await server.happens('error ERR_RTMP_STALLED')
  stalled.destroy()
})

const cli = fileURLToPath(new URL('../../../lib/app/cli.js', import.meta.url))

t.test('a publisher that is killed: its stream ends for its players, and its session', { ...options }, async t => {
  const server = new LiveServer(t, { rtmfp: true, live, limits: { pingMs: 2000 } })
  const app = appOf(new URL(await server.listen()).port)
  let publisher: Program | undefined
  let count = 0
  const { got } = await plays(app, () => {
    if (++count === 200) publisher?.kill('SIGKILL')
  })
  await server.happens('play live/film')
  publisher = new Program(t, process.execPath, [cli, 'publish', source, `${app}/film`])
  const played = byKind(await got)
  for (const kind of KINDS) t.same(played[kind], all[kind].slice(0, played[kind].length), kind)
  await server.happens('error ERR_RTMP_IDLE')
})

t.test('ffmpeg publishes by RTMP, and we play by RTMFP', { ...options }, async t => {
  const server = new LiveServer(t, { rtmfp: patient, live })
  const url = await server.listen()
  const { got } = await plays(appOf(new URL(url).port))
  await server.happens('play live/film')
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/film`).ends()).code, 0)
  t.same(packetsOf(await got, folder(t)), packets(source))
})

t.test('we publish by RTMFP, and ffmpeg plays by RTMP', { ...options }, async t => {
  const server = new LiveServer(t, { rtmfp: true, live })
  const url = await server.listen()
  const player = players.ffmpeg(t, `${url}/live/film`)
  await server.happens('play live/film')
  await publishes(t, appOf(new URL(url).port))
  t.same(await player.packets(), packets(source))
})

t.test('50 players: all audio, and all video, or what is left out ends at a keyframe', { skip }, async t => {
  const server = new LiveServer(t, { rtmfp: true, live })
  const app = appOf(new URL(await server.listen()).port)
  const watching = await Promise.all(Array.from({ length: 50 }, () => plays(app)))
  await server.happens('play live/film', 50)
  const part = sent.slice(0, sent.length >> 2)
  await publishes(t, app, part)
  const whole = byKind(part)
  const keys = new Set(byKind(part.filter(isKeyframe)).video)
  let left = 0
  for (const { got } of watching) {
    const { audio, video } = byKind(await got)
    t.same(audio, whole.audio)
    const there = new Set(video)
    const after = whole.video.filter((each, i) => there.has(each) && i > 0 && !there.has(whole.video[i - 1]!))
    t.same(
      after.filter(each => !keys.has(each)),
      []
    )
    left += whole.video.length - video.length
  }
  t.comment(`${left} frames left out`)
})
