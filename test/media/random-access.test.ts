import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  ChunkReader,
  isKeyframe,
  isVideo,
  keyframeGate,
  LiveStream,
  type Message,
  type MessageBatch,
  MessageReader,
  readVideoTagHeader,
  startAt,
  trackFilter,
  writeVideoTag
} from 'rtmpipe'
import t from 'tap'
import { RandomAccess } from '../../lib/media/random-access.ts'
import { captureNames, readCapture } from '../support/captures.ts'
import { TestClock } from '../support/clock.ts'
import { collect } from '../support/collect.ts'
import { audio, caption, metadata, track, video, word } from '../support/media.ts'
import { holdsLater } from '../support/property.ts'

/** The messages at which a stream of these can be begun. */
const entrances = (...messages: Message[]): string[] => {
  const found = new RandomAccess()
  return messages.filter(message => found.note(message)).map(word)
}
const other = track(1)
/** Two tracks of video, as FFmpeg sends them: the frames of both one behind the other. */
const frames = (at: number): Message[] => [
  ...[video.keyframe(at), other.keyframe(at), audio.frame(at + 5)],
  ...[video.frame(at + 40), other.frame(at + 40)]
]
const headers = [video.header(), other.header(0), audio.header()]

t.test('ahead of its first keyframe a stream can be begun at any audio or data, and then at keyframes', async t => {
  t.same(entrances(audio.frame(0), audio.frame(20)), ['a@0', 'a@20'])
  t.same(entrances(audio.frame(0), video.header(), audio.frame(20), video.frame(30), video.keyframe(40)), [
    'a@0',
    'a@20',
    'v key@40'
  ])
  t.same(entrances(metadata(), caption(0), video.keyframe(40), caption(50), audio.frame(60)), ['caption@0', 'v key@40'])
})

t.test('of several tracks it is begun at the first, whatever comes first', async t => {
  t.same(entrances(...headers.slice(0, 2), ...frames(0), ...frames(200)), ['v key@0', 'v key@200'])
  t.same(entrances(other.keyframe(0), video.keyframe(0), other.keyframe(200), video.keyframe(200)), [
    'v1 key@0',
    'v key@0',
    'v key@200'
  ])
  t.same(entrances(track(3).keyframe(0), track(2).keyframe(0), track(3).keyframe(200), track(2).keyframe(200)), [
    'v3 key@0',
    'v2 key@0',
    'v2 key@200'
  ])
})

t.test('FFmpeg 8 with two tracks (captures/ffmpeg8-publish-two-tracks)', async t => {
  const messages = new MessageReader()
  const found = new RandomAccess()
  const begins: string[] = []
  const { bytes } = readCapture('ffmpeg8-publish-two-tracks').client
  for (const { header, payload, last } of new ChunkReader().chunks(bytes.subarray(3073))) {
    const message = messages.add(header, payload, 0, payload.length, last)
    if (message === undefined || !isVideo(message)) continue
    const isAt = found.note(message)
    if (isKeyframe(message)) begins.push(`${isAt} ${readVideoTagHeader(message.payload)!.trackId}@${message.timestamp}`)
  }
  t.same(begins, ['true 0@23', 'false 1@23', 'true 0@1023', 'false 1@1023', 'true 0@2023', 'false 1@2023'])
})

t.test('a first track that has been silent for 10 s is the first no more, until it is heard again', async t => {
  t.same(
    entrances(
      ...[video.keyframe(0), other.keyframe(9_999), other.keyframe(10_000), other.keyframe(10_001)],
      ...[other.keyframe(10_002), video.frame(10_003), other.keyframe(10_004), video.keyframe(10_005)]
    ),
    ['v key@0', 'v1 key@10001', 'v1 key@10002', 'v key@10005']
  )
})

t.test('who comes late to a stream of two tracks has a picture of both', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const input = live.input()
  for (const message of [...headers, ...frames(0), ...frames(200)]) {
    input.write(message)
    await turnOfTheLoop()
  }
  const player = live.player()
  await turnOfTheLoop()
  const words: string[] = []
  for (let batch = player.read(); batch !== null; batch = player.read())
    words.push((batch as MessageBatch).messages.map(word).join(' '))
  t.same(words, ['v header@200 v1 header@200 a header@200', ...['v key@200', 'v1 key@200', 'a@205 v@240', 'v1@240']])
})

t.test(
  'also where the keyframe of another track comes first, and with the headers of every track and part',
  async t => {
    const live = new LiveStream({ clock: new TestClock() })
    const input = live.input()
    const tracks = [1, 2].map(trackId => ({ trackId, fourCc: 'hvc1', packetType: 0, data: Buffer.of(1) }) as const)
    const many = { form: 'multitrack', frameType: 1, modEx: [], multitrackType: 1, tracks } as const
    const said = (type: number, text: string): Message => ({
      ...audio.frame(0),
      type,
      payload: Buffer.from(text, 'hex')
    })
    const state = [
      metadata(0),
      video.header(),
      { ...video.header(), payload: writeVideoTag(many) },
      said(9, 'd46876633102'),
      audio.header(),
      said(8, '95004f70757301'),
      said(8, '95044f707573010101000000 04'.replace(' ', ''))
    ]
    const gop = (at: number) => [other.keyframe(at), track(2).keyframe(at), video.keyframe(at), other.frame(at + 40)]
    for (const message of [...state, ...gop(0), audio.frame(30), ...gop(200)]) {
      input.write(message)
      await turnOfTheLoop()
    }
    const player = live.player()
    await turnOfTheLoop()
    const messages: Message[] = []
    for (let batch = player.read(); batch !== null; batch = player.read())
      messages.push(...(batch as MessageBatch).messages)
    const first = messages.splice(state.length).map(word)
    t.same(first, ['v key@200'], 'the keyframe that v1@240 depends on is ahead of it')
    t.same(
      messages.map(({ payload, timestamp }) => [payload.toString('hex'), timestamp]),
      state.map(({ payload, type }) => [payload.toString('hex'), type === 18 ? 0 : 200])
    )
    for (const message of gop(400)) {
      input.write(message)
      await turnOfTheLoop()
    }
    const next: Message[] = []
    for (let batch = player.read(); batch !== null; batch = player.read())
      next.push(...(batch as MessageBatch).messages)
    t.same(next.map(word), ['v1 key@400', 'v2 key@400', 'v key@400', 'v1@440'])
  }
)

t.test('another track begins at its own keyframe: what precedes it is of no use', async t => {
  const third = track(2)
  const sent = [
    ...[video.keyframe(0), other.frame(5), third.frame(6), video.frame(40), other.keyframe(45), third.frame(46)],
    ...[other.frame(85), video.keyframe(200), third.keyframe(206), third.frame(246)]
  ]
  const passed = ['v key@0', 'v@40', 'v1 key@45', 'v1@85', 'v key@200', 'v2 key@206', 'v2@246']
  t.same((await collect<Message>(Readable.from(sent).pipe(keyframeGate()))).map(word), passed)
  const live = new LiveStream({ clock: new TestClock() })
  const heard: string[] = []
  live.subscribe({ tracks: 'all' }).on('data', (message: Message) => heard.push(word(message)))
  const input = live.input()
  for (const message of sent) {
    input.write(message)
    await turnOfTheLoop()
  }
  t.same(heard, passed)
  t.equal(live.stats().drops.input, 3)
  // a packet of several tracks begins them all
  const access = new RandomAccess()
  const data = Buffer.of(0)
  const tracks = [0, 1].map(trackId => ({ trackId, fourCc: 'av01', packetType: 1, compositionTime: 0, data }) as const)
  const payload = writeVideoTag({ form: 'multitrack', frameType: 1, modEx: [], multitrackType: 1, tracks })
  t.ok(access.note({ ...video.keyframe(0), payload }))
  t.ok(access.passes(other.frame(40)))
  access.close()
  t.notOk(access.note(other.keyframe(50)), 'video waits for the first track')
  t.notOk(access.passes(other.keyframe(50)))
})

t.test('a stream may begin with another track: FFmpeg 8 sends H.264 with B frames ahead of AV1', async t => {
  const sent = [
    ...[...headers, other.keyframe(0), other.frame(40), video.keyframe(80), other.frame(80)],
    ...[other.keyframe(1000), video.frame(1000), video.keyframe(1080)]
  ]
  t.same(entrances(...sent), ['v1 key@0', 'v key@80', 'v key@1080'])
  t.same((await collect<Message>(Readable.from(sent).pipe(keyframeGate()))).map(word), sent.map(word))
  // a frame of the first track says that it is under way
  t.same(entrances(...headers, video.frame(0), other.keyframe(5), video.keyframe(40)), ['v key@40'])
  const live = new LiveStream({ clock: new TestClock() })
  const heard: Record<'all' | 'primary', string[]> = { all: [], primary: [] }
  live.subscribe({ tracks: 'all' }).on('data', (message: Message) => heard.all.push(word(message)))
  live.subscribe().on('data', (message: Message) => heard.primary.push(word(message)))
  const input = live.input()
  for (const message of sent) {
    input.write(message)
    await turnOfTheLoop()
  }
  t.same(heard.all, sent.map(word))
  t.same(
    heard.primary,
    sent.map(word).filter(each => !each.startsWith('v1'))
  )
})

t.test('a track that was the first and has been silent begins at its own keyframe too', async t => {
  const live = new LiveStream({ clock: new TestClock(), mend: false })
  const input = live.input()
  const write = async (...messages: Message[]) => {
    for (const message of messages) {
      input.write(message)
      await turnOfTheLoop()
    }
  }
  await write(video.header(), video.keyframe(0), other.header(5000), other.keyframe(5000), other.keyframe(16_000))
  const heard: string[] = []
  live.subscribe({ tracks: 'all' }).on('data', (message: Message) => heard.push(word(message)))
  await write(video.frame(16_040), other.frame(16_045), video.keyframe(16_080))
  t.same(
    heard.filter(word => !word.includes('header')),
    ['v1 key@16000', 'v1@16045', 'v key@16080']
  )
})

t.test('what FFmpeg 8 publishes passes a live stream unchanged (captures/ffmpeg8-publish-*)', async t => {
  for (const name of captureNames.filter(each => each.startsWith('ffmpeg8-publish'))) {
    const reader = new MessageReader()
    const sent: Message[] = []
    for (const { header, payload, last } of new ChunkReader().chunks(readCapture(name).client.bytes.subarray(3073))) {
      const message = reader.add(header, payload, 0, payload.length, last)
      if (message !== undefined && [8, 9].includes(message.type)) sent.push(message)
    }
    const live = new LiveStream({ clock: new TestClock() })
    const reading = live.subscribe({ tracks: 'all' })
    const heard: Message[] = []
    reading.on('data', (message: Message) => heard.push(message))
    const repairs: unknown[] = []
    live.on('repair', repair => repairs.push(repair))
    const input = live.input()
    for (const message of sent) {
      input.write(message)
      await turnOfTheLoop()
    }
    input.end()
    await turnOfTheLoop()
    const listed = (messages: Message[]) =>
      messages.map(({ type, timestamp, payload }) => `${type} ${timestamp} ${payload.toString('hex')}`)
    // what comes ahead of the first frame is given with it
    const first = sent.findIndex(message => isKeyframe(message))
    t.ok(first > 0, name)
    t.strictSame(listed(heard).slice(first), listed(sent).slice(first), name)
    t.same(listed(heard).slice(0, first).length, first, `${name}, headers`)
    t.same(repairs, [], name)
  }
})

t.test('a gate, a start in the middle and a filter go on at the first track', async t => {
  const from = (...messages: Message[]) => Readable.from(messages)
  const late = [...headers, other.keyframe(0), ...frames(40)]
  const opened = ['v key@40', 'v1 key@40', 'a@45', 'v@80', 'v1@80']
  const open = [...headers, video.frame(0), ...late.slice(3)]
  t.same((await collect<Message>(from(...open).pipe(keyframeGate()))).map(word), [
    ...['v header@40', 'v1 header@40', 'a header@40'],
    ...opened
  ])
  t.same((await collect<Message>(from(...headers, ...frames(0), ...frames(200)).pipe(startAt(220)))).map(word), [
    ...['v header@200', 'v1 header@200', 'a header@200'],
    ...['v key@200', 'v1 key@200', 'a@205', 'v@240', 'v1@240']
  ])
  const filter = trackFilter({ video: false })
  const heard: string[] = []
  filter.on('data', (message: Message) => heard.push(word(message)))
  for (const message of [...headers, ...frames(0)]) filter.write(message)
  filter.select({ video: true })
  for (const message of [other.keyframe(100), ...frames(200)]) filter.write(message)
  filter.end()
  await once(filter, 'end')
  t.same(heard, [
    ...['a header@0', 'a@5', 'v header@200', 'v1 header@200'],
    ...['v key@200', 'v1 key@200', 'a@205', 'v@240', 'v1@240']
  ])
})

// ---- any order of the messages of several tracks ----

/** What an encoder does next: a message of a track, or audio. */
interface Step {
  readonly id: number
  readonly kind: 'header' | 'key' | 'frame' | 'audio'
}

const stepsOf = (minLength: number, maxLength: number) =>
  fc.array(fc.record({ id: fc.nat(2), kind: fc.constantFrom('header', 'key', 'frame', 'frame', 'frame', 'audio') }), {
    minLength,
    maxLength
  }) as fc.Arbitrary<Step[]>
const steps = stepsOf(1, 40)

/**
 * A stream of up to three tracks, 10 ms a message. The headers come first, and later ones ahead of a keyframe. A frame names the header
 * that it needs, and its number in its track.
 */
function streamOf(steps: readonly Step[]): Message[] {
  const tracks = [0, 1, 2].map(() => ({ version: 0, count: 0, isDue: true }))
  const packet = (id: number, kind: Step['kind']): Message => {
    const state = tracks[id]!
    const first = kind === 'header' ? 0 : 1
    const isKey = kind !== 'frame'
    const head =
      id === 0 ? [isKey ? 0x17 : 0x27, first, 0, 0, 0] : [isKey ? 0x96 : 0xa6, first, 0x61, 0x76, 0x30, 0x31, id]
    const count = kind === 'header' ? 0 : ++state.count
    return { ...video.frame(0), payload: Buffer.from([...head, state.version, count]) }
  }
  const messages = [0, 1, 2].filter(id => steps.some(step => step.id === id)).map(id => packet(id, 'header'))
  for (const { id, kind } of steps) {
    const track = tracks[id]!
    if (kind === 'audio') messages.push(audio.frame(0))
    else if (kind === 'header') {
      track.version++
      track.isDue = true
      messages.push(packet(id, 'header'))
    } else {
      messages.push(packet(id, track.isDue ? 'key' : kind))
      track.isDue = false
    }
  }
  return messages.map((message, at) => ({ ...message, timestamp: at * 10 }))
}

const told = ({ payload }: Message) => {
  const id = payload[0]! >= 0x90 ? payload[6]! : 0
  const [version, count] = payload.subarray(-2)
  return { id, isHeader: payload[1] === 0, isKey: (payload[0]! & 0x70) === 0x10, version: version!, count: count! }
}

/** Why the video of these cannot be decoded: a frame lacks its header, or the one ahead of it in its track. */
function wrongIn(messages: readonly Message[]): string | undefined {
  const headers = new Map<number, number>()
  const counts = new Map<number, number>()
  for (const message of messages.filter(isVideo)) {
    const { id, isHeader, isKey, version, count } = told(message)
    if (isHeader) headers.set(id, version)
    else if (headers.get(id) !== version) return `track ${id}: frame ${count} lacks header ${version}`
    else if (!isKey && counts.get(id) !== count - 1) return `track ${id}: frame ${count} lacks the one ahead of it`
    else counts.set(id, count)
  }
  return undefined
}

/** Why they lack something from their first frame on: each track goes on from its next keyframe to its end. */
function missingIn(messages: readonly Message[], sent: readonly Message[]): string | undefined {
  const frames = (of: readonly Message[]) => of.filter(message => isVideo(message) && !told(message).isHeader)
  const place = (message: Message | undefined) =>
    sent.findIndex(each => each.payload === message?.payload || message?.payload.equals(each.payload))
  const start = place(frames(messages)[0])
  const begun = new Set<number>()
  const wanted = frames(start < 0 ? [] : sent.slice(start)).filter(message => {
    const { id, isKey } = told(message)
    return begun.has(id) || (isKey && begun.add(id))
  })
  const numbers = (of: readonly Message[]) => of.map(message => `${told(message).id}:${told(message).count}`).join(' ')
  const [found, expected] = [numbers(frames(messages)), numbers(wanted)]
  return found === expected ? undefined : `${found} in place of ${expected}`
}

t.test('whoever joins a stream of several tracks has the headers of each, and begins each at a keyframe', async t => {
  await holdsLater(
    t,
    'readers of a live stream',
    fc.asyncProperty(steps, fc.array(fc.nat(30), { maxLength: 6 }), fc.boolean(), async (steps, joins, isBatched) => {
      const sent = streamOf(steps)
      const live = new LiveStream({ clock: new TestClock() })
      const input = live.input()
      const heard: Message[][] = []
      let gaps = 0
      for (const [at, message] of sent.entries()) {
        for (const from of ['keyframe', 'next', 'now'] as const) {
          if (!joins.includes(at)) continue
          const messages: Message[] = []
          heard.push(messages)
          const reader = live.subscribe({ from, tracks: 'all' })
          reader.on('data', (message: Message) => messages.push(message))
          reader.on('gap', () => gaps++)
        }
        input.write(message)
        if (!isBatched || at % 3 === 0) await turnOfTheLoop()
      }
      live.end()
      await turnOfTheLoop()
      for (const messages of heard) {
        const wrong = wrongIn(messages) ?? missingIn(messages, sent)
        if (wrong !== undefined) throw new Error(wrong)
      }
      return gaps === 0
    }),
    { numRuns: 600 }
  )
})

t.test('a reader that lags, and one that is slow behind a gate, go on at keyframes of each track', async t => {
  await holdsLater(
    t,
    'slow readers',
    fc.asyncProperty(
      stepsOf(30, 80),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
      async (steps, reads) => {
        const sent = streamOf(steps)
        const live = new LiveStream({ clock: new TestClock() })
        const input = live.input()
        const reader = live.subscribe({ maxLagMs: 50, tracks: 'all' })
        const gate = keyframeGate({ maxMs: 50 })
        const heard: Message[][] = [[], []]
        const drain = () => {
          for (const [at, from] of [reader, gate].entries())
            for (let item = from.read(); item !== null; item = from.read()) heard[at]!.push(item)
        }
        for (const [at, message] of sent.entries()) {
          input.write(message)
          gate.write(message)
          await turnOfTheLoop()
          if (at % reads[at % reads.length]! === 0) drain()
        }
        live.end()
        await turnOfTheLoop()
        drain()
        for (const messages of heard) {
          const wrong = wrongIn(messages)
          if (wrong !== undefined) throw new Error(wrong)
        }
      }
    ),
    { numRuns: 600 }
  )
})

t.test('so it is of a stream that starts in the middle, and of tracks that are selected again', async t => {
  await holdsLater(
    t,
    'starts',
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 400 }), async (steps, ms) => {
      const sent = streamOf(steps)
      const messages = await collect<Message>(Readable.from(sent).pipe(startAt(ms)))
      const wrong = wrongIn(messages) ?? missingIn(messages, sent)
      if (wrong !== undefined) throw new Error(wrong)
    }),
    { numRuns: 300 }
  )
  await holdsLater(
    t,
    'selections',
    fc.asyncProperty(steps, fc.array(fc.nat(40), { maxLength: 6 }), async (steps, places) => {
      const filter = trackFilter()
      const heard = collect<Message>(filter)
      for (const [at, message] of streamOf(steps).entries()) {
        if (places.includes(at)) filter.select({ video: places.filter(place => place <= at).length % 2 === 0 })
        filter.write(message)
      }
      filter.end()
      const wrong = wrongIn(await heard)
      if (wrong !== undefined) throw new Error(wrong)
    }),
    { numRuns: 300 }
  )
})
