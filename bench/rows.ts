/** The rows of the table: each runs what is compared in turn, so often as asked, and gives ratios of medians. */
import { join } from 'node:path'
import { beside, folder, type Measured, media, PORT, SECOND_PORT, Served, script, Tool } from './lab.ts'
import { floor, ingestFloor, nginx, nms2, nms4, ours } from './peers.ts'
import type { Result } from './result.ts'
import { towers } from './tower.ts'

export interface Course {
  readonly reps: number
  readonly seconds: number
  readonly warmSeconds: number
  readonly isQuick: boolean
  /** Folders that node-media-server was installed in. */
  readonly nms2: string | undefined
  readonly nms4: string | undefined
}

interface Row {
  readonly name: string
  readonly needsTools: boolean
  measure(course: Course): AsyncIterable<Result>
}

type Run = (course: Course) => Promise<Measured>

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
const perGb = ({ cpu, rx_bytes, tx_bytes }: Measured): number => cpu / ((rx_bytes || tx_bytes) / 1e9)
const seconds = (value: number): string => `${value.toFixed(2)} s/GB`

/** Runs each in turn, `reps` times. */
async function inTurn(course: Course, ...runs: Run[]): Promise<Measured[][]> {
  const all: Measured[][] = runs.map(() => [])
  for (let rep = 0; rep < course.reps; rep++) for (const [i, run] of runs.entries()) all[i]!.push(await run(course))
  return all
}

/** Everybody is there, and has got all: a server that sends less is not cheaper. */
function whole(measured: Measured, count: number, bytesPerSecond: number): Measured {
  const { run, dead, per_min, per_p50, win_s, err } = measured
  if (run !== count || dead > 0) throw new Error(`${run} of ${count} there, ${dead} dropped: ${err}`)
  if (per_min / win_s < bytesPerSecond * 0.85) {
    const [least, half] = [per_min, per_p50].map(bytes => Math.round(bytes / win_s))
    throw new Error(`one of ${count} got ${least} bytes a second of ${bytesPerSecond}, half of them up to ${half}`)
  }
  return measured
}

type Rate = '2500k' | '20000k'
const BYTES_PER_SECOND: Record<Rate, number> = { '2500k': 315_000, '20000k': 2_500_000 }

/** One publisher, and so many players. */
function fanOut(command: readonly string[], players: number, rate: Rate = '2500k'): Run {
  return async ({ seconds, warmSeconds }) => {
    const server = await Served.start(command)
    const media_ = ['--stream', 's0', '--n', 1, '--flv', media(rate), '--chunk', 4096, '--tag']
    const publisher = Tool.load('pub', ...media_, '--warm', 1, '--dur', 3600)
    try {
      await publisher.until('ALL')
      const window = ['--warm', warmSeconds, '--dur', seconds]
      // thousands take more than a minute to come in beside those that are served already
      const probes = players > 1000 ? ['--discard', '--probes', 100, '--timeout', 180] : []
      const measured = await Tool.load('play', '--stream', 's0', '--n', players, ...window, ...probes).measure(server)
      return whole(measured, players, BYTES_PER_SECOND[rate])
    } finally {
      await publisher.stop()
      await server.stop()
    }
  }
}

/** As fanOut, but what is received is dropped unread, by players as by viewers of HTTP-FLV, who come to SECOND_PORT. */
function unread(command: readonly string[], count: number, by: 'rtmp' | 'http'): Run {
  return async ({ seconds, warmSeconds }) => {
    const server = await Served.start(command)
    const media_ = ['--stream', 's0', '--n', 1, '--flv', media('2500k'), '--chunk', 4096]
    const publisher = Tool.load('pub', ...media_, '--warm', 1, '--dur', 3600)
    try {
      await publisher.until('ALL')
      const who =
        by === 'rtmp'
          ? ['play', '--stream', 's0', '--discard']
          : ['sink', '--get', '/live/s0.flv', '--port', SECOND_PORT]
      const [mode, ...words] = who
      const tool = Tool.load(mode!, ...words, '--n', count, '--warm', warmSeconds, '--dur', seconds)
      return whole(await tool.measure(server), count, BYTES_PER_SECOND['2500k'])
    } finally {
      await publisher.stop()
      await server.stop()
    }
  }
}

/** The floor of a fan-out: as many bytes, and no RTMP. */
function floorFanOut(batchMs: number, players: number): Run {
  return async ({ seconds, warmSeconds }) => {
    const server = await Served.start(floor(batchMs))
    const stopFeed = beside([join(folder, 'feed'), String(SECOND_PORT), 'msg'])
    try {
      // its readers copy what they get, as players do: a receiver that drops it leaves the server's cache alone
      const sink = Tool.load('sink', '--copy', '--n', players, '--warm', warmSeconds, '--dur', seconds)
      return await sink.measure(server)
    } finally {
      await stopFeed()
      await server.stop()
    }
  }
}

function ingest(command: readonly string[], publishers: number, ...more: (string | number)[]): Run {
  return async ({ seconds, warmSeconds }) => {
    const server = await Served.start(command)
    const media_ = ['--stream', 'p%d', '--n', publishers, '--flv', media('2500k')]
    try {
      const measured = await Tool.load('pub', ...media_, '--warm', warmSeconds, '--dur', seconds, ...more).measure(
        server
      )
      return { ...measured, rx_bytes: 0 }
    } finally {
      await server.stop()
    }
  }
}

/** Compares what a GB takes; a peer that fails costs its own line and no other. */
async function* compare(
  course: Course,
  what: string,
  run: Run,
  against: string,
  other: Run,
  target: number
): AsyncIterable<Result> {
  try {
    const [mine, theirs] = (await inTurn(course, run, other)).map(each => median(each.map(perGb))) as [number, number]
    const told = { ours: seconds(mine), against, theirs: seconds(theirs), ratio: (mine / theirs).toFixed(2) }
    yield { what, ...told, target: `<= ${target.toFixed(2)}` }
  } catch (error) {
    yield { what, ours: `failed: ${(error as Error).message}`, against }
  }
}

async function* fanOuts(course: Course): AsyncIterable<Result> {
  const server = nginx()
  const others = [
    { name: 'node-media-server 2', command: nms2(course.nms2), mine: 350, how: '350 ms' },
    { name: 'node-media-server 4', command: nms4(course.nms4), mine: 'frame', how: "'frame'" }
  ] as const
  for (const n of course.isQuick ? [300] : [300, 1000]) {
    if (server !== undefined)
      yield* compare(course, `${n} players, 'frame'`, fanOut(ours(), n), 'nginx-rtmp', fanOut(server, n), 0.75)
    for (const batchMs of [0, 100, 350])
      yield* compare(
        course,
        `${n} players, ${batchMs} ms`,
        fanOut(ours(batchMs), n),
        'bare Node',
        floorFanOut(batchMs, n),
        1.15
      )
    for (const { name, command, mine, how } of others)
      if (command !== undefined)
        yield* compare(course, `${n} players, ${how}`, fanOut(ours(mine), n), name, fanOut(command, n), 1)
  }
}

async function* delays(course: Course): AsyncIterable<Result> {
  const server = nginx()
  for (const n of [10, 300]) {
    const runs = [fanOut(ours(), n), ...(server === undefined ? [] : [fanOut(server, n)])]
    const [mine, theirs] = await inTurn(course, ...runs)
    for (const which of ['lat_p50', 'lat_p99'] as const) {
      const [one, other] = [mine, theirs].map(each => each && median(each.map(({ [which]: ms }) => ms)))
      const what = `${n} players, ${which.slice(4)}`
      const told = other && {
        against: 'nginx-rtmp',
        theirs: `${other.toFixed(2)} ms`,
        ratio: (one! / other).toFixed(2)
      }
      yield { what, ours: `${one!.toFixed(2)} ms`, ...told, target: '<= 10' }
    }
  }
}

async function* large(course: Course): AsyncIterable<Result> {
  const server = nginx()
  if (server === undefined) return
  const runs = [fanOut(ours(), 100, '20000k'), fanOut(server, 100, '20000k')] as const
  yield* compare(course, '100 players at 20 Mbit/s', runs[0], 'nginx-rtmp', runs[1], 1)
}

async function* overHttp(course: Course): AsyncIterable<Result> {
  const n = 300
  for (const mergeMs of ['frame', 100] as const) {
    const command = ours(mergeMs, '--http-port', String(SECOND_PORT))
    const what = `${n} viewers by HTTP-FLV, ${mergeMs === 'frame' ? "'frame'" : `${mergeMs} ms`}`
    yield* compare(course, what, unread(command, n, 'http'), `${n} players`, unread(command, n, 'rtmp'), 1.15)
  }
  for (const [name, theirs] of [
    ['node-media-server 2', nms2(course.nms2)],
    ['node-media-server 4', nms4(course.nms4)]
  ] as const) {
    if (theirs === undefined) continue
    const mine = ours('frame', '--http-port', String(SECOND_PORT))
    yield* compare(
      course,
      `${n} viewers by HTTP-FLV, 'frame'`,
      unread(mine, n, 'http'),
      name,
      unread(theirs, n, 'http'),
      1
    )
  }
}

async function* linear(course: Course): AsyncIterable<Result> {
  for (const n of course.isQuick ? [10, 100, 300] : [10, 100, 300, 1000, 3000, 6000]) {
    const [runs] = await inTurn(course, fanOut(ours(100), n))
    const percent = median(runs!.map(({ cpu, wall }) => (100 * cpu) / wall))
    const told = `${((percent / n) * 1000).toFixed(1)} % of a core per 1000 players`
    yield { what: `${n} players, 100 ms`, ours: `${percent.toFixed(1)} % of a core`, against: '', theirs: told }
  }
}

async function* ingests(course: Course): AsyncIterable<Result> {
  const runs = [ingest(ours(), 300), ingest(ingestFloor(), 300, '--raw')] as const
  yield* compare(course, '300 publishers', runs[0], 'bare Node', runs[1], 1.25)
}

async function* unpaced(course: Course): AsyncIterable<Result> {
  const peers: [string, string[] | undefined][] = [
    ['nginx-rtmp', nginx()],
    ['node-media-server 2', nms2(course.nms2)],
    ['node-media-server 4', nms4(course.nms4)]
  ]
  for (const [chunkSize, target] of [
    [128, 1000],
    [4096, 1500],
    [65536, 1500]
  ] as const) {
    const there = peers.flatMap(([name, command]) => (command === undefined ? [] : [{ name, command }]))
    const commands = [ours(), ...there.map(({ command }) => command)]
    const all = await inTurn(course, ...commands.map(each => ingest(each, 1, '--unpaced', '--chunk', chunkSize)))
    const [mine, ...others] = all.map(each => median(each.map(({ tx_bytes, cpu }) => tx_bytes / cpu / 1e6)))
    const told = others.map((mb, i) => `${there[i]!.name} ${mb.toFixed(0)}`).join(', ')
    yield {
      what: `chunk size ${chunkSize}`,
      ours: `${mine!.toFixed(0)} MB a second of CPU`,
      against: told,
      target: `>= ${target}`
    }
  }
}

/** As Node has it, and with little room for young objects, which is what many connections want. */
async function* memories(course: Course): AsyncIterable<Result> {
  yield* memory(course, ours(100), '')
  yield* memory(course, ours(100).toSpliced(1, 0, SMALL_NURSERY), `, ${SMALL_NURSERY}`)
}

const SMALL_NURSERY = '--max-semi-space-size=2'

async function* memory(
  { seconds, warmSeconds }: Course,
  command: readonly string[],
  how: string
): AsyncIterable<Result> {
  const n = 1000
  const server = await Served.start(command)
  try {
    yield { what: `before anybody has come${how}`, ours: `${(server.rss / 1000).toFixed(0)} MB`, target: '<= 60 MB' }
    const idler = (count: number, hold: number) =>
      Tool.load('idle', '--stream', 'x%d', '--n', count, '--warm', 2, '--dur', 1, '--hold', hold)
    await idler(20, 0).measure(server)
    const before = server.rss
    const idlers = idler(n, 60)
    await idlers.until('END')
    const idle = (server.rss - before) / n
    await idlers.stop()
    yield { what: `each of ${n} idle${how}`, ours: `${idle.toFixed(0)} KB`, target: '<= 25 KB' }
  } finally {
    await server.stop()
  }
  const playing = await Served.start(command)
  const publisher = Tool.load('pub', '--stream', 's0', '--flv', media('2500k'), '--warm', 1, '--dur', 3600)
  try {
    await publisher.until('ALL')
    await Tool.load('play', '--stream', 's0', '--n', 20, '--warm', 4, '--dur', 1).measure(playing)
    const before = playing.rss
    const tool = Tool.load('play', '--stream', 's0', '--n', n, '--warm', warmSeconds, '--dur', seconds)
    const { rss } = await tool.measure(playing)
    yield { what: `each of ${n} playing${how}`, ours: `${((rss - before) / n).toFixed(0)} KB`, target: '<= 40 KB' }
  } finally {
    await publisher.stop()
    await playing.stop()
  }
}

function joint(kind: 'waist' | 'raw'): Run {
  return async ({ seconds }) => {
    const server = await Served.start(script('bench/tools/joint', PORT, SECOND_PORT, kind))
    try {
      return await new Tool(script('bench/tools/through', PORT, SECOND_PORT, seconds)).measure(server)
    } finally {
      await server.stop()
    }
  }
}

async function* proxies(course: Course): AsyncIterable<Result> {
  const all = await inTurn(course, joint('waist'), joint('raw'))
  const [mine, raw] = all.map(each => 1000 / median(each.map(perGb))) as [number, number]
  const told = { ours: `${mine.toFixed(0)} MB/s`, against: 'socket.pipe', theirs: `${raw.toFixed(0)} MB/s` }
  yield { what: '10 KB messages, chunk size 4096', ...told, ratio: (mine / raw).toFixed(2), target: '>= 0.45' }
}

function door(scheme: string, what: 'play' | 'publish'): Run {
  return async ({ seconds }) => {
    const server = await Served.start(ours('frame', '--tls', '--rtmfp-port', String(PORT)))
    const publisher = Tool.load('pub', '--stream', 's0', '--flv', media('20000k'), '--warm', 1, '--dur', 3600)
    try {
      await publisher.until('ALL')
      const count = what === 'play' ? 10 : 1
      return await new Tool(script('bench/tools/door', scheme, what, count, seconds)).measure(server)
    } finally {
      await publisher.stop()
      await server.stop()
    }
  }
}

async function* doors(course: Course): AsyncIterable<Result> {
  const schemes = ['rtmp', 'rtmps', 'rtmpe', 'rtmpt', 'rtmpte', 'rtmpts', 'rtmfp']
  for (const what of ['play', 'publish'] as const) {
    const all = await inTurn(course, ...schemes.map(scheme => door(scheme, what)))
    const costs = all.map(each => median(each.map(perGb)))
    for (const [i, scheme] of schemes.entries()) {
      const told = { ours: seconds(costs[i]!), against: 'rtmp', theirs: seconds(costs[0]!) }
      if (i > 0) yield { what: `${what} by ${scheme}`, ...told, ratio: (costs[i]! / costs[0]!).toFixed(2) }
    }
  }
}

export const rows: readonly Row[] = [
  { name: 'fan-out', needsTools: true, measure: fanOuts },
  { name: 'http', needsTools: true, measure: overHttp },
  { name: 'delay', needsTools: true, measure: delays },
  { name: 'large', needsTools: true, measure: large },
  { name: 'linear', needsTools: true, measure: linear },
  { name: 'ingest', needsTools: true, measure: ingests },
  { name: 'unpaced', needsTools: true, measure: unpaced },
  { name: 'memory', needsTools: true, measure: memories },
  { name: 'proxy', needsTools: true, measure: proxies },
  { name: 'doors', needsTools: true, measure: doors },
  { name: 'tower', needsTools: false, measure: towers }
]
