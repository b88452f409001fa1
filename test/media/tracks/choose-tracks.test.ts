import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import type net from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type CapabilitiesOptions,
  chooseTracks,
  connect,
  createServer,
  type HttpPlay,
  httpFlv,
  LiveStream,
  LiveStreams,
  type Message,
  MessageBatch,
  pullLive,
  pushLive,
  readStreamMetadata,
  readVideoTag,
  record,
  type TrackChoice,
  type TrackIds,
  trackChooser,
  type VideoTag,
  wrapped
} from 'rtmpipe'
import t from 'tap'
import { tracksAsked } from '../../../lib/media/tracks/choose-tracks.ts'
import { TestClock } from '../../support/clock.ts'
import { collect } from '../../support/collect.ts'
import { folder, tags } from '../../support/films.ts'
import { LiveServer } from '../../support/live-server.ts'
import { audio, metadata, track, video, word } from '../../support/media.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const said = (type: number, text: string, timestamp = 0): Message => ({
  type,
  messageStreamId: 1,
  timestamp,
  payload: hex(text)
})
/** What is left of a payload, in hex; '-' for nothing, '=' for the message itself. */
function left(type: number, text: string, ids?: TrackIds): string {
  const message = said(type, text)
  const chosen = chooseTracks(message, ids)
  if (chosen === message) return '='
  return chosen === undefined ? '-' : chosen.payload.toString('hex')
}
const avc1 = '61766331'
const hvc1 = '68766331'
const mp4a = '6d703461'
const opus = '4f707573'

t.test('video of one track, from every form', async t => {
  const table: [name: string, sent: string, primary: string, second: string][] = [
    ['legacy AVC', '17010000 00 aa', '=', '-'],
    ['Enhanced HEVC', `91${hvc1}000000aa`, '=', '-'],
    ['empty', '', '=', '-'],
    ['a seek begins, legacy', '57 00', '=', '='],
    ['a seek begins, Enhanced', 'd0 00', '=', '='],
    ['a seek begins, Multitrack', 'd6 00', '=', '='],
    ['OneTrack, another', `9601${hvc1}01000000aa`, '-', `91${hvc1}000000aa`],
    ['OneTrack, track 0', `9601${hvc1}00000001aa`, `91${hvc1}000001aa`, '-'],
    ['AVC header', `9600${avc1}01 01640010`, '-', '170000000001640010'],
    ['AVC frame', `a601${avc1}01 fffffe bb`, '-', '2701fffffebb'],
    ['AVC frame without a time', `a603${avc1}01 bb`, '-', '2701000000bb'],
    ['AVC end', `9602${avc1}01`, '-', '1702000000'],
    ['AVC metadata', `d604${avc1}01 02`, '-', `d4${avc1}02`],
    ['many tracks', `9611${hvc1}01 000004 000000aa 00 000005 000000bbcc`, `91${hvc1}000000bbcc`, `91${hvc1}000000aa`],
    ['many codecs', `9611${avc1}00 000001 aa`, '-', '-'],
    [
      'many codecs, whole',
      `9621${avc1}00 000004 000000aa ${hvc1}01 000004 000000bb`,
      '1701000000aa',
      `91${hvc1}000000bb`
    ],
    ['ModEx stays', `9702000001 06 01${hvc1}01 000000aa`, '-', `970200000101${hvc1}000000aa`],
    ['ModEx of AVC goes', `9702000001 06 01${avc1}01 000000aa`, '-', '1701000000aa'],
    ['cut in the FourCC', '960168', '-', '-'],
    ['a size that is too large', `9611${hvc1}00 0000ff aa`, '-', '-']
  ]
  for (const [name, sent, primary, second] of table) {
    t.equal(left(9, sent), primary, name)
    t.equal(left(9, sent, { video: 1 }), second, `${name}, track 1`)
  }
})

t.test('audio of one track, from every form', async t => {
  const table: [name: string, sent: string, primary: string, second: string][] = [
    ['AAC', 'af01 21', '=', '-'],
    ['silence', '', '=', '-'],
    ['Opus', `91${opus}aa`, '=', '-'],
    ['Opus, another track', `9501${opus}01aa`, '-', `91${opus}aa`],
    ['its header', `9500${opus}01`, '-', `90${opus}`],
    ['its channels', `9504${opus}01 01 01 00000004`, '-', `94${opus}010100000004`],
    ['AAC header', `9500${mp4a}01 1210`, '-', 'af001210'],
    ['AAC', `9501${mp4a}01 21`, '-', 'af0121'],
    ['AAC channels, which a legacy tag has not', `9504${mp4a}01 01 01 00000004`, '-', '-'],
    ['MP3 at 44.1 kHz', '95012e6d703301 fffb9064', '-', '2ffffb9064'],
    ['MP3 at 22.05 kHz, mono', '95012e6d703301 fff390c4', '-', '2afff390c4'],
    ['two tracks', `9511${opus}00 000001 aa 01 000002 bbcc`, `91${opus}aa`, `91${opus}bbcc`],
    ['cut', '9501', '-', '-']
  ]
  for (const [name, sent, primary, second] of table) {
    t.equal(left(8, sent), primary, name)
    t.equal(left(8, sent, { audio: 1 }), second, `${name}, track 1`)
  }
  t.equal(left(20, '02'), '=', 'a command')
  t.equal(left(18, '02'), '=', 'data')
})

t.test('metadata of the chosen tracks', async t => {
  const sent = metadata(0, {
    width: 1920,
    height: 1080,
    title: 'both',
    videoTrackIdInfoMap: { '1': { width: 640, height: 360 } },
    audioTrackIdInfoMap: { '1': { channels: 1 } }
  })
  const seen = (ids?: TrackIds) => readStreamMetadata(chooseTracks(sent, ids)!)!.video.get(0)!.properties
  t.strictSame(seen(), { width: 1920, height: 1080, title: 'both' })
  t.strictSame(seen({ video: 1 }), { width: 640, height: 360, title: 'both' })
  t.strictSame(seen({ video: 7, audio: 1 }), { title: 'both', channels: 1 })
  t.strictSame(chooseTracks(wrapped(sent)), wrapped(chooseTracks(sent)!))
  const plain = metadata(0, { width: 1920, audiocodecid: 10 })
  t.equal(chooseTracks(plain), plain)
  t.strictSame(chooseTracks(plain, { video: 1 })?.payload, metadata(0, { audiocodecid: 10 }).payload)
})

t.test('what is asked for by a query', async t => {
  const asked = (query: string) => tracksAsked(new URLSearchParams(query))
  t.strictSame(asked('videoTrack=2'), { video: 2, audio: 0 })
  t.strictSame(asked('audioTrack=255&key=a'), { video: 0, audio: 255 })
  t.equal(asked('tracks=all'), 'all')
  for (const none of ['', 'videoTrack=256', 'videoTrack=-1', 'videoTrack=', 'videoTrack=1e1', 'tracks=some'])
    t.equal(asked(none), undefined, none)
})

const other = track(1)
const stream = [
  ...[metadata(0, { height: 2, videoTrackIdInfoMap: { '1': { height: 1 } } }), video.header(), other.header(0)],
  ...[audio.header(), said(8, `9500${opus}01`)],
  ...[0, 200].flatMap(at => [
    ...[other.frame(at), video.keyframe(at), other.keyframe(at), audio.frame(at), said(8, `9501${opus}01aa`, at)],
    ...[video.frame(at + 40), other.frame(at + 40)]
  ])
].map(message => ({ ...message, messageStreamId: 1 }))
const primary = [
  'meta@0',
  'v header@0',
  'a header@0',
  ...[0, 200].flatMap(at => [`v key@${at}`, `a@${at}`, `v@${at + 40}`])
]
/** Messages of HEVC are not those that `word` knows. */
const tell = (messages: readonly Message[]): string[] =>
  messages.map(message => {
    if (message.type !== 9 || (message.payload[0]! & 0x8f) === 0x86 || message.payload[0]! < 0x80) return word(message)
    const { frameType, packetType } = readVideoTag(message.payload) as Extract<VideoTag, { form: 'enhanced' }>
    return `hevc${packetType === 0 ? ' header' : frameType === 1 ? ' key' : ''}@${message.timestamp}`
  })

t.test('a stage: another video track begins at its own keyframe', async t => {
  const chosen = async (ids?: TrackIds) => tell(await collect<Message>(Readable.from(stream).pipe(trackChooser(ids))))
  t.same(await chosen(), primary)
  t.same(await chosen({ video: 1 }), [
    ...['meta@0', 'hevc header@0', 'a header@0', 'hevc key@0', 'a@0', 'hevc@40'],
    ...['hevc@200', 'hevc key@200', 'a@200', 'hevc@240']
  ])
  t.throws(() => trackChooser({ video: 256 }), RangeError)
  t.throws(() => trackChooser({ audio: 0.5 }), RangeError)
})

t.test('colours that FFmpeg 8 sends outside Multitrack are given to their track', async t => {
  const avcHeader = '1700000000 01640010'
  const [hevcHeader, colours] = [`9600${hvc1}01 01`, `d4${hvc1}020009636f6c6f72496e666f`]
  const heard = async (...payloads: string[]) => {
    const live = new LiveStream({ clock: new TestClock() })
    const reader = live.subscribe({ tracks: 'all' })
    const input = live.input()
    for (const payload of [...payloads, '1701000000aa']) input.write(said(9, payload))
    input.end()
    live.end()
    return (await reader.toArray()).map(({ payload }) => payload.toString('hex'))
  }
  const attributed = `d604${hvc1}01020009636f6c6f72496e666f`
  t.equal((await heard(avcHeader, hevcHeader, colours))[2], attributed)
  t.equal((await heard(`90${avc1}01`, hevcHeader, colours))[2], attributed)
  t.equal((await heard(`9621${avc1}00000001 01 ${hvc1}01 000001 01`, colours))[1], `d4${hvc1}020009636f6c6f72496e666f`)
  t.equal((await heard(`9620${avc1}00000001 01 ${hvc1}01 000001 01`, colours))[1], attributed)
  for (const untold of [[hevcHeader, `9600${hvc1}02 01`], [`90${hvc1}01`, hevcHeader], [avcHeader]])
    t.ok((await heard(...untold, colours)).includes(colours), untold.join())
})

t.test('readers of a batch share what is made of it', async t => {
  const plain = new MessageBatch([video.keyframe(0), audio.frame(0)])
  const primaryIds = { video: 0, audio: 0 }
  t.equal(plain.choosing(primaryIds), plain)
  t.equal(plain.choosing({ video: 1, audio: 1 }), undefined)
  t.same(plain.choosing({ video: 1, audio: 0 })!.messages.map(word), ['a@0'])
  const both = new MessageBatch([video.keyframe(0), other.keyframe(0)])
  const made = both.choosing(primaryIds)!
  t.same(made.messages, [both.messages[0]])
  t.equal(both.choosing({ video: 0, audio: 0 }), made)
  for (let id = 1; id < 9; id++)
    t.equal(both.choosing({ video: id, audio: 0 })?.messages.length, id === 1 ? 1 : undefined)
  t.equal(both.choosing(primaryIds), made)
  both.forget()
  t.not(both.choosing(primaryIds), made)
  t.equal(new MessageBatch([other.keyframe(0)]).choosing(primaryIds), undefined)
})

/** Publishes the stream when there are so many readers, and ends it. */
async function publishTo(at: () => LiveStream, readers: number): Promise<void> {
  while (at().readers < readers) await turnOfTheLoop()
  const live = at()
  const input = live.input()
  for (const message of stream) {
    input.write(message)
    await turnOfTheLoop()
  }
  input.end()
  await once(input, 'close')
  live.end()
}

/** The audio and video of messages, in words, in their order. */
const media = (messages: readonly Message[]): string[] => tell(messages.filter(({ type }) => type === 8 || type === 9))
const primaries = primary.slice(1)
/** All that a live stream passes: what precedes the first keyframe of another track is of no use. */
const whole = media(stream).filter((text, at) => text !== 'v1@0' || at > 8)
const seconds = [
  ...['hevc header@0', 'a header@0', 'hevc key@0', 'a@0', 'hevc@40'],
  ...['hevc@200', 'hevc key@200', 'a@200', 'hevc@240']
]

t.test('a player that does not state that it knows Multitrack receives the primary tracks', async t => {
  const server = new LiveServer(t)
  const host = await server.listen()
  const play = async (name: string, capabilities: CapabilitiesOptions = {}) => {
    const session = await connect(`${host}/live`, { capabilities })
    t.teardown(() => session.close())
    return media(await (await session.play(name)).toArray())
  }
  const multitrack = true
  const heard = Promise.all([
    ...[
      play('film'),
      play('film?videoTrack=256'),
      play('film?videoTrack=1'),
      play('film?videoTrack=1', { multitrack })
    ],
    ...[play('film', { multitrack }), play('film?tracks=all')]
  ])
  await publishTo(() => server.at('live/film'), 6)
  const [silent, wrong, second, secondOfAll, knows, all] = await heard
  for (const words of [silent, wrong]) t.same(words, primaries)
  for (const words of [second, secondOfAll]) t.same(words, seconds)
  for (const words of [knows, all]) t.same(words, whole)
})

t.test('the application chooses, whatever a player states', async t => {
  const lives = new LiveStreams()
  const choices: TrackChoice[] = ['all', { video: 1 }, {}]
  const server = createServer(session => {
    session.on('play', async play => {
      const player = await lives.play('film')
      t.throws(() => play.accept({ tracks: { video: -1 } }), RangeError)
      player.pipe(play.accept({ tracks: choices[Number(play.name)]! }))
      t.throws(() => play.accept({ tracks: 'all' }), TypeError)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const session = await connect(`rtmp://127.0.0.1:${port}/live`)
  t.teardown(() => session.close())
  const heard = Promise.all(['0', '1', '2'].map(async name => media(await (await session.play(name)).toArray())))
  await publishTo(() => lives.get('film'), 3)
  t.same(await heard, [whole, seconds, primaries])
})

t.test('a viewer over HTTP', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const hear = (play: HttpPlay) => {
    t.throws(() => play.accept({ tracks: { audio: 256 } }), RangeError)
    live.player().pipe(play.accept())
    t.throws(() => play.accept({ tracks: { video: 9 } }), TypeError)
  }
  const server = http.createServer(httpFlv(hear))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const view = async (query: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/live/film.flv${query}`)
    return media(tags(Buffer.from(await response.arrayBuffer())).map(({ message }) => message))
  }
  const heard = Promise.all(['', '?videoTrack=1', '?tracks=all'].map(view))
  await publishTo(() => live, 3)
  t.same(await heard, [primaries, seconds, whole])
})

t.test('a reader of a live stream', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const choices: TrackChoice[] = [{}, { video: 1 }, 'all']
  const heard = Promise.all(
    [live.subscribe(), ...choices.map(tracks => live.subscribe({ tracks }))].map(each => each.toArray())
  )
  await publishTo(() => live, 4)
  t.same((await heard).map(media), [primaries, primaries, seconds, whole])
  t.throws(() => live.subscribe({ tracks: { video: 256 } }), RangeError)
})

t.test('the primary tracks of a stream without a track 0 are its lowest ones, after two seconds', async t => {
  const header = (id: number, at = 0) => said(9, `9600${avc1}0${id}01`, at)
  const key = (id: number, at: number) => said(9, `9603${avc1}0${id}0${id}`, at)
  const sound = (kind: number, at: number) => said(8, `950${kind}${mp4a}01aa`, at)
  const described = metadata(0, { videoTrackIdInfoMap: { '1': { width: 320 }, '2': { width: 160 } } })
  const heard = async (...messages: Message[]) => {
    const live = new LiveStream({ clock: new TestClock() })
    const readers = [live.subscribe(), live.subscribe({ tracks: { video: 2 } })]
    const input = live.input()
    for (const message of messages) {
      input.write(message)
      await turnOfTheLoop()
    }
    const late = live.subscribe()
    input.end()
    live.end()
    const all = await Promise.all([...readers, late].map(reader => reader.toArray()))
    return all.map(each =>
      each.map(message =>
        message.type === 18
          ? readStreamMetadata(message)!.video.get(0)?.width
          : `${message.payload.toString('hex')}@${message.timestamp}`
      )
    )
  }
  // as eflvmux of GStreamer 1.28 sends the pads video_1, video_2 and audio_1
  const sent = [described, header(2), header(1), sound(0, 0)]
  const group = (at: number) => [key(2, at), key(1, at), sound(1, at + 20)]
  const lowest = (at: number) => [`170000000001@${at}`, `af00aa@${at}`, `170100000001@${at}`, `af01aa@${at + 20}`]
  const [early, second, late] = await heard(...sent, ...group(0), ...group(1000), ...group(2000))
  t.same(early, [undefined, 320, ...lowest(2000)])
  t.same(late, [320, ...lowest(2000)])
  t.same(second!.slice(0, 3), [160, '170000000001@0', '170100000002@0'])
  // a track 0 that comes in time is not preceded by another, and one that comes later takes over
  const primary = (at: number) => [video.header(at), video.keyframe(at)]
  const told = (at: number) => primary(at).map(({ payload }) => `${payload.toString('hex')}@${at}`)
  const [inTime] = await heard(...sent, ...group(0), ...primary(500), ...group(2000), video.frame(2040))
  t.same(inTime!.filter(each => each !== undefined && !`${each}`.startsWith('af')).slice(0, 2), told(500))
  const [taken] = await heard(...sent, ...group(0), ...group(2000), ...primary(2500), ...group(3000))
  t.same(
    taken!
      .slice(-told(2500).length - 1)
      .filter(each => !`${each}`.startsWith('af'))
      .slice(-2),
    told(2500)
  )
})

t.test('of all tracks each begins at its own keyframe, whenever a reader joins', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const input = live.input()
  const write = async (...messages: Message[]) => {
    for (const message of messages) input.write(message)
    await turnOfTheLoop()
  }
  // as FFmpeg 9 sends HEVC with B frames and H.264 without
  await write(video.header(), other.header(0), audio.header(), other.keyframe(0), video.keyframe(80))
  const late = live.subscribe({ tracks: 'all' })
  await write(other.frame(80), audio.frame(90), video.frame(120), other.frame(120))
  await write(other.header(1000), other.keyframe(1000), other.frame(1040), video.keyframe(1080), other.frame(1080))
  input.end()
  live.end()
  t.same((await late.toArray()).map(word), [
    ...['v header@80', 'v1 header@80', 'a header@80', 'v key@80', 'a@90', 'v@120'],
    ...['v1 header@1000', 'v1 key@1000', 'v1@1040', 'v key@1080', 'v1@1080']
  ])
})

t.test('a recording', async t => {
  const recorded = async (tracks?: TrackChoice) => {
    const live = new LiveStream({ clock: new TestClock() })
    const home = folder(t)
    const recording = record(live, home, tracks && { tracks })
    const ended = once(recording, 'ended')
    await publishTo(() => live, 1)
    await ended
    const [name] = readdirSync(home)
    const messages = tags(readFileSync(join(home, name!))).map(({ message }) => message)
    return { words: media(messages), says: readStreamMetadata(messages[0]!)! }
  }
  const primary = await recorded()
  t.same(primary.words, primaries)
  t.same(primary.says.video.size, 1)
  t.same((await recorded({ video: 1 })).words, seconds)
  const all = await recorded('all')
  t.same(all.words, whole)
  t.same(all.says.video.get(1)?.height, 1)
  t.throws(() => record(new LiveStream(), folder(t), { tracks: { video: 256 } }), RangeError)
})

t.test('a server that does not state that it knows Multitrack is sent the primary tracks', async t => {
  const source = new LiveServer(t)
  const silent = new LiveServer(t, { prepare: session => session.on('connect', connect => connect.accept({}, {})) })
  const from = source.at('live/film')
  const [own, other] = [await source.listen(), await silent.listen()]
  const relays = [
    pushLive(from, `${other}/live/primary`),
    pushLive(from, `${other}/live/all`, { tracks: 'all' }),
    pushLive(from, `${own}/live/stated`),
    pushLive(from, `${own}/live/second`, { tracks: { video: 1 } })
  ]
  // a relay states that it forwards all
  const pulled = new LiveStream()
  const pull = pullLive(`${own}/live/film`, pulled)
  t.teardown(() => [...relays, pull].map(relay => relay.close()))
  const heard = Promise.all([
    ...[silent.received('live/primary'), silent.received('live/all')],
    ...[source.received('live/stated'), source.received('live/second'), pulled.subscribe({ tracks: 'all' }).toArray()]
  ])
  await publishTo(() => from, 5)
  await Promise.all([...relays, pull].map(relay => once(relay, 'ended')))
  pulled.end()
  for (const at of ['stated', 'second']) source.at(`live/${at}`).end()
  for (const at of ['primary', 'all']) silent.at(`live/${at}`).end()
  t.same((await heard).map(media), [primaries, whole, whole, seconds, whole])
  t.throws(() => pushLive(from, `${own}/live/a`, { tracks: { video: 256 } }), RangeError)
  const session = await connect(`${own}/live`)
  t.teardown(() => session.close())
  await t.rejects(session.publish('a', { tracks: { audio: 0.5 } }), RangeError)
})
