import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
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
    t.same(messages.slice(state.length).map(word), ['v key@200', 'v1@240'])
    t.same(
      messages.slice(0, state.length).map(({ payload, timestamp }) => [payload.toString('hex'), timestamp]),
      state.map(({ payload, type }) => [payload.toString('hex'), type === 18 ? 0 : 200])
    )
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
