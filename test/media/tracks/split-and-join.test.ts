import { deepStrictEqual as deepEqual } from 'node:assert'
import { PassThrough, Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  isVideo,
  joinTracks,
  type Message,
  type ReadableOf,
  readCodecConfig,
  readData,
  readStreamMetadata,
  type SplitTrack,
  type SplitTracksOptions,
  splitTracks,
  withTrackId
} from 'rtmpipe'
import t from 'tap'
import { capturedMedia } from '../../support/captures.ts'
import { hex } from '../../support/hex.ts'
import { audio, byKind, caption, metadata, stream, video, word } from '../../support/media.ts'
import { buffers, holds, holdsLater } from '../../support/property.ts'

/** Another track of AVC. */
const track = (id: number) => ({
  header: (at: number) => withTrackId(video.header(at), id)!,
  keyframe: (at: number) => withTrackId(video.keyframe(at), id)!,
  frame: (at: number) => withTrackId(video.frame(at), id)!
})
const as = (type: number, payload: Buffer): Message => ({ ...audio.frame(7), type, payload })
const from = (messages: readonly Message[]): Readable => Readable.from(messages)
/** A source that gives what is written to it. */
const source = () => new PassThrough({ objectMode: true })
const read = (stream: ReadableOf<Message>): Message[] => {
  const messages: Message[] = []
  for (let message = stream.read(); message !== null; message = stream.read()) messages.push(message)
  return messages
}

// ---- a message of another track

const moved: [string, number, Buffer, Buffer | undefined][] = [
  ['AVC header', 9, hex`17 00 000000 0164`, hex`96 00 61766331 05 0164`],
  ['AVC keyframe', 9, hex`17 01 000021 aa`, hex`96 01 61766331 05 000021 aa`],
  ['AVC frame', 9, hex`27 01 ffffff aa`, hex`a6 01 61766331 05 ffffff aa`],
  ['AVC end', 9, hex`17 02 000000`, hex`96 02 61766331 05`],
  ['HEVC by convention', 9, hex`1c 01 000021 aa`, hex`96 01 68766331 05 000021 aa`],
  ['AV1 by convention, whose time means nothing', 9, hex`1d 01 000021 aa`, hex`96 01 61763031 05 aa`],
  ['HEVC', 9, hex`93 68766331 aa`, hex`96 03 68766331 05 aa`],
  ['colours with frame type 5', 9, hex`d4 68766331 02`, hex`d6 04 68766331 05 02`],
  ['with nanoseconds', 9, hex`97 02 000001 03 68766331 aa`, hex`97 02 000001 06 03 68766331 05 aa`],
  ['of another track', 9, hex`96 03 68766331 01 aa`, hex`96 03 68766331 05 aa`],
  ['AAC header', 8, hex`af 00 1210`, hex`95 00 6d703461 05 1210`],
  ['AAC', 8, hex`af 01 21`, hex`95 01 6d703461 05 21`],
  ['MP3', 8, hex`2f fffb`, hex`95 01 2e6d7033 05 fffb`],
  ['MP3 of 8 kHz', 8, hex`ee fff3`, hex`95 01 2e6d7033 05 fff3`],
  ['Opus', 8, hex`91 4f707573 fc`, hex`95 01 4f707573 05 fc`],
  ['speakers', 8, hex`94 4f707573 01 01 00000004`, hex`95 04 4f707573 05 01 01 00000004`],
  ['two tracks', 9, hex`96 11 68766331 00 000003 000000 01 000003 000000`, undefined],
  ['a seek', 9, hex`57 00`, undefined],
  ['VP6, which has no FourCC', 9, hex`14 aa`, undefined],
  ['Speex, which has none', 8, hex`b6 aa`, undefined],
  ['silence', 8, hex``, undefined],
  ['a payload that is cut', 9, hex`93 6876`, undefined],
  ['data', 18, hex`05`, undefined]
]

t.test('a message is put on a track', async t => {
  for (const [name, type, payload, expected] of moved) {
    const message = as(type, payload)
    t.same(withTrackId(message, 5), expected && { ...message, payload: expected }, name)
  }
})

t.test('an id has 8 bits', async t => {
  for (const id of [-1, 256, 1.5, Number.NaN])
    for (const message of [audio.frame(0), caption(0)]) t.throws(() => withTrackId(message, id), RangeError)
  for (const id of [0, 255]) t.equal(withTrackId(audio.frame(0), id)!.payload[6], id)
})

t.test('whatever bytes a payload has, nothing is thrown', async t => {
  const bytes = fc.tuple(fc.constantFrom(0x96, 0x97, 0xd6, 0x95, 0x94, 0x17, 0x1d, 0xaf), buffers(30))
  const property = fc.property(bytes, fc.constantFrom(8, 9), ([first, rest], type) => {
    withTrackId(as(type, Buffer.concat([Buffer.of(first), rest])), 1)
  })
  holds(t, 'bytes', property, { numRuns: 3000 })
})

// ---- join

t.test('the lowest timestamp is first, and id 0 stays what it is', async t => {
  const [low, high] = [stream(2), [video.header(), video.keyframe(0), video.frame(510), video.keyframe(1000)]]
  const joined = await joinTracks([
    { source: from(low), video: 0, audio: 0 },
    { source: from(high), video: 1 }
  ]).toArray()
  t.same(
    joined.filter(message => low.includes(message)),
    low,
    'the same messages'
  )
  t.same(joined.map(word), [
    ...['v header@0', 'a header@0', 'v key@0', 'v1 header@0', 'v1 key@0', 'a@20', 'v@500', 'v1@510', 'a@520'],
    ...['v key@1000', 'v1 key@1000', 'a@1020', 'v@1500', 'a@1520']
  ])
})

t.test('timestamps wrap', async t => {
  const [one, other] = [[audio.frame(2 ** 32 - 20)], [audio.frame(10)]]
  const joined = joinTracks([
    { source: from(other), audio: 1 },
    { source: from(one), audio: 0 }
  ])
  t.same(
    (await joined.toArray()).map(({ timestamp }) => timestamp),
    [2 ** 32 - 20, 10]
  )
})

t.test('no source waits for another, and the end is that of all', async t => {
  const [one, other] = [source(), source()]
  const joined = joinTracks([
    { source: one, video: 0 },
    { source: other, audio: 0 }
  ])
  const words: string[] = []
  joined.on('data', message => words.push(word(message)))
  let ended = false
  joined.on('end', () => (ended = true))
  one.write(video.keyframe(500))
  await turnOfTheLoop()
  t.same(words, ['v key@500'])
  other.end(audio.frame(0))
  await turnOfTheLoop()
  one.write(video.frame(540))
  await turnOfTheLoop()
  t.same(words, ['v key@500', 'a@0', 'v@540'])
  t.notOk(ended)
  one.end()
  await finished(joined)
})

t.test('a kind without an id is left out, and of several tracks the primary one is taken', async t => {
  const whole = [metadata(), ...stream(1), track(1).keyframe(0), caption(5), as(4, hex`00`)]
  const words = async (ids: object) => (await joinTracks([{ source: from(whole), ...ids }]).toArray()).map(word)
  t.same(await words({ audio: 0 }), ['meta@0', 'a header@0', 'a@20', 'a@520', 'caption@5', 'type 4'])
  t.same(await words({ video: 3 }), ['meta@0', 'v3 header@0', 'v3 key@0', 'v3@500', 'caption@5', 'type 4'])
})

t.test('data is that of the first source, and what no track can have is dropped', async t => {
  const joined = await joinTracks([
    { source: from([caption(0)]), audio: 0 },
    { source: from([caption(10), as(9, hex`14 aa`), as(4, hex`00`)]), video: 1 }
  ]).toArray()
  t.same(joined.map(word), ['caption@0'])
})

t.test('metadata describes each track, and comes again when that of a source does', async t => {
  const [low, high, german] = [source(), source(), source()]
  const joined = joinTracks([
    { source: low, video: 0, audio: 0 },
    { source: high, video: 1 },
    { source: german, audio: 2 }
  ])
  const says = async (into: PassThrough, properties: object) => {
    into.write(metadata(0, properties))
    await turnOfTheLoop()
    const [message] = read(joined)
    return { ...(readData(message!)[1] as { properties: object }).properties }
  }
  const codecs = { videocodecid: 7, audiocodecid: 10 }
  const top = {
    encoder: 'one',
    width: 320,
    height: 240,
    framerate: 25,
    audiosamplerate: 44_100,
    stereo: true,
    ...codecs
  }
  await turnOfTheLoop()
  t.same(await says(low, top), top)
  const another = { encoder: 'other', width: 1280, height: 720, videodatarate: 2500, audiochannels: 1, ...codecs }
  const videoTrackIdInfoMap = { 1: { width: 1280, height: 720, videodatarate: 2500, videocodecid: 0x61766331 } }
  t.same(await says(high, another), { ...top, videoTrackIdInfoMap })
  const audiocodecid = 0x6d703461
  t.same(await says(german, { ...codecs, audiosamplerate: 48_000, stereo: false }), {
    ...{ ...top, videoTrackIdInfoMap },
    audioTrackIdInfoMap: {
      2: { audiosamplerate: 48_000, samplerate: 48_000, stereo: false, channels: 1, audiocodecid }
    }
  })
})

t.test('primary tracks of two sources: each says what it has', async t => {
  const joined = joinTracks([
    { source: from([metadata(0, { encoder: 'one', width: 320, audiosamplerate: 44_100 })]), audio: 0 },
    { source: from([metadata(0, { encoder: 'other', width: 1280, audiosamplerate: 48_000 })]), video: 0 }
  ])
  const [, last] = await joined.toArray()
  const { video, audio } = readStreamMetadata(last!)!
  t.match(video.get(0), { width: 1280, properties: { encoder: 'one' } })
  t.match(audio.get(0), { sampleRate: 44_100 })
})

t.test('nothing is said of what is left out', async t => {
  const [said] = await joinTracks([{ source: from([metadata(0, { encoder: 'one', width: 320 })]), audio: 0 }]).toArray()
  t.same({ ...(readData(said!)[1] as { properties: object }).properties }, { encoder: 'one' })
})

t.test('the error of a source ends all; so does a source that closes before its end', async t => {
  for (const error of [new Error('gone'), undefined]) {
    const [one, other] = [source(), source()]
    const joined = joinTracks([
      { source: one, video: 0 },
      { source: other, video: 1 }
    ])
    joined.resume()
    one.destroy(error)
    await t.rejects(finished(joined), error ?? { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    t.ok(other.destroyed)
  }
})

t.test('who stops reading stops the sources', async t => {
  const [one, other] = [source(), source()]
  const joined = joinTracks([
    { source: one, video: 0 },
    { source: other, video: 1 }
  ])
  joined.destroy()
  t.ok(one.destroyed && other.destroyed)
})

t.test('a slow reader applies backpressure to all sources', async t => {
  const given: string[] = []
  const endless = (name: string) =>
    Readable.from(
      (function* () {
        for (let at = 0; ; at++) {
          given.push(name)
          yield audio.frame(at)
        }
      })()
    )
  const joined = joinTracks([
    { source: endless('one'), audio: 0 },
    { source: endless('other'), audio: 1 }
  ])
  joined.read()
  for (let turn = 0; turn < 50; turn++) await turnOfTheLoop()
  t.ok(given.length < 80, `${given.length} were read`)
  joined.destroy()
})

t.test('a mistake is told at once', async t => {
  const [one, other] = [source(), source()]
  t.throws(() => joinTracks([]), TypeError)
  t.throws(() => joinTracks([{ source: one }]), TypeError)
  t.throws(() => joinTracks([{ source: one, video: 256 }]), RangeError)
  t.throws(() => joinTracks([{ source: one, audio: -1 }]), RangeError)
  const twice = [
    { source: one, video: 1 },
    { source: other, video: 1 }
  ]
  t.throws(() => joinTracks(twice), { name: 'TypeError', message: /same video id/ })
  t.throws(
    () =>
      joinTracks([
        { source: one, video: 0 },
        { source: one, audio: 0 }
      ]),
    { message: /twice/ }
  )
  t.notOk(one.listenerCount('readable'), 'and nothing is touched')
})

// ---- split

/** The tracks of a stream, and what each has. */
async function split(
  messages: Readable | readonly Message[],
  options?: SplitTracksOptions
): Promise<(Omit<SplitTrack, 'stream'> & { messages: Message[] })[]> {
  const tracks = []
  const source = messages instanceof Readable ? messages : Readable.from(messages)
  for await (const { stream, ...told } of source.pipe(splitTracks(options)))
    tracks.push(stream.toArray().then(messages => ({ ...told, messages })))
  return Promise.all(tracks)
}
/** Without what is undefined, and the messages. */
const told = ({ messages: _, ...description }: object & { messages: unknown }) =>
  Object.fromEntries(Object.entries(description).filter(([, value]) => value !== undefined))
const words = async (messages: readonly Message[], options?: SplitTracksOptions) =>
  Object.fromEntries((await split(messages, options)).map(({ trackId, messages }) => [trackId, messages.map(word)]))

t.test('two tracks of FFmpeg 8 are two plain streams (captures/ffmpeg8-publish-two-tracks)', async t => {
  const sent = capturedMedia('ffmpeg8-publish-two-tracks')
  const tracks = await split(sent)
  t.same(tracks.map(told), [
    { trackId: 0, codec: 'AVC', codecString: 'avc1.f4000a', width: 160, height: 120 },
    { trackId: 1, codec: 'AVC', codecString: 'avc1.f4000a', width: 80, height: 60 }
  ])
  const [header, , ...sound] = byKind(sent).audio
  for (const { trackId, height, messages } of tracks) {
    t.same(messages.slice(0, 4).map(word), ['meta@0', 'v header@23', 'a header@23', 'v key@23'])
    t.match(readCodecConfig(messages[1]!), [{ trackId: 0, height }])
    // FFmpeg ends each track with a legacy tag, which is of track 0
    t.equal(messages.filter(isVideo).length, trackId === 0 ? 33 : 31, 'header and 30 frames')
    t.same(byKind(messages).audio, [header, ...sound], 'the sound of track 0 from the keyframe on')
  }
})

t.test('a track begins at its own keyframe, with the state until then', async t => {
  const [other, late] = [track(1), track(2)]
  t.same(
    await words([
      ...[metadata(), video.header(), other.header(0), audio.header(), audio.frame(0), other.frame(0)],
      ...[video.keyframe(20), other.frame(20), audio.frame(30), other.keyframe(40), caption(50)],
      ...[late.header(60), late.frame(60), late.keyframe(80), video.header(100), audio.frame(101)]
    ]),
    {
      0: ['meta@0', 'v header@20', 'a header@20', 'v key@20', 'a@30', 'caption@50', 'v header@100', 'a@101'],
      1: ['meta@0', 'v header@40', 'a header@40', 'v key@40', 'caption@50', 'a@101'],
      2: ['meta@0', 'a header@80', 'v header@80', 'v key@80', 'a@101']
    }
  )
})

t.test('a track of audio begins at a keyframe, or without video at its sound', async t => {
  const german = [audio.header(), audio.frame(0), audio.frame(30), audio.frame(60)].map(each => withTrackId(each, 1)!)
  t.same(await words([audio.header(), german[0]!, german[1]!, audio.frame(5), german[2]!], { by: 'audio' }), {
    0: ['a header@5', 'a@5'],
    1: ['a header@0', 'a@0', 'a@30']
  })
  const begin = [video.header(), audio.header(), german[0]!, as(8, hex`95 04 6d703461 01 00 02`)]
  const rest = [german[2]!, video.frame(40), audio.frame(40), track(1).keyframe(50), german[3]!]
  const expected = {
    0: ['v header@20', 'a header@20', 'v key@20', 'v@40', 'a@40'],
    1: ['v header@20', 'a header@20', 'v key@20', 'a@30', 'v@40', 'a@60']
  }
  t.same(await words([...begin, video.keyframe(20), ...rest], { by: 'audio' }), expected, 'announced by its header')
  const heard = [audio.frame(0), german[1]!, video.frame(10), video.keyframe(20)]
  t.same(await words([...begin, ...heard, ...rest], { by: 'audio' }), expected, 'heard before the keyframe')
  const mp3 = (timestamp: number, id: number) => withTrackId({ ...as(8, hex`2f fffb`), timestamp }, id)!
  t.same(
    await words([video.keyframe(0), mp3(5, 1), video.frame(20), video.keyframe(40), mp3(45, 1)], { by: 'audio' }),
    { 1: ['v key@40', 'a@45'] },
    'a codec without sequence headers is known by its sound'
  )
})

t.test('the track that all have in common may be another', async t => {
  const german = withTrackId(audio.frame(10), 1)!
  t.same(await words([video.keyframe(0), audio.frame(5), german], { audio: 1 }), { 0: ['v key@0', 'a@10'] })
  const second = track(1).keyframe(20)
  t.same(await words([second, audio.frame(5), second], { by: 'audio', video: 1 }), { 0: ['v key@20'] })
})

t.test('sound has its rate, of codecs without headers too; what is unknown is undefined', async t => {
  const ac3 = as(8, hex`91 61632d33 0b77 0000 14 40 2f 84`)
  const [sound] = await split([video.header(), ac3, video.keyframe(20)], { by: 'audio' })
  t.same(told(sound!), { trackId: 0, codec: 'AC-3', codecString: 'ac-3', sampleRate: 48_000, channels: 1 })
  const [vp6] = await split([as(9, hex`14 aa`)])
  t.same(told(vp6!), { trackId: 0, codec: 'On2 VP6' })
})

t.test('a track does not begin with a packet that cannot be read', async t => {
  const [{ header, keyframe }, cut] = [track(1), as(9, hex`96 11 68766331 01 0000ff aa`)]
  t.same(await words([header(0), cut, keyframe(20)]), { 1: ['v header@20', 'v key@20'] })
})

t.test('metadata tells the size of each track where nothing else does', async t => {
  const map = { videoTrackIdInfoMap: { 1: { width: 1280, height: 720 } } }
  const sent = [metadata(0, { width: 320, height: 240, ...map }), video.keyframe(0), track(1).keyframe(0)]
  const tracks = await split(sent)
  t.same(
    tracks.map(({ width, height }) => [width, height]),
    [
      [320, 240],
      [1280, 720]
    ]
  )
  t.match(readStreamMetadata(tracks[1]!.messages[0]!)?.video.get(0), { height: 720 }, 'and each stream has its own')
})

t.test('the colours that FFmpeg 8 sends of a track as if it were the first are those of its track', async t => {
  const colors = as(9, hex`d4 68766331 02 0009 636f6c6f72496e666f 03 000009`)
  const hevc = (first: number) => withTrackId(as(9, Buffer.concat([Buffer.of(first), hex`68766331 000000`])), 1)!
  const [primary, second] = await split([video.header(), hevc(0x90), colors, video.keyframe(0), hevc(0x91), colors])
  const states = (messages: Message[]) => messages.map(({ payload }) => payload.toString('hex', 0, 5))
  t.same(states(primary!.messages), ['1700000000', '1701616161'])
  t.same(states(second!.messages), ['9068766331', 'd468766331', '9168766331', 'd468766331'])
})

t.test('a stream that is not read stops the source; one that is destroyed stops nothing', async t => {
  const tracks = splitTracks()
  const input = source()
  input.pipe(tracks)
  for (const message of [video.keyframe(0), track(1).keyframe(0)]) input.write(message)
  await turnOfTheLoop()
  const [one, other] = [tracks.read()!, tracks.read()!]
  const got: Message[] = []
  one.stream.on('data', message => got.push(message))
  for (let at = 20; at < 2000; at += 20) for (const each of [video.frame(at), track(1).frame(at)]) input.write(each)
  for (let turn = 0; turn < 20; turn++) await turnOfTheLoop()
  t.equal(other.stream.readableLength, 16)
  t.equal(got.length, 16)
  other.stream.destroy()
  input.end()
  await finished(one.stream)
  t.equal(got.length, 100)
})

t.test('all end with the source, and an error is that of the split alone', async t => {
  const input = source()
  const tracks = splitTracks()
  const failed = t.rejects(pipeline(input, tracks), /gone/)
  input.write(video.keyframe(0))
  await turnOfTheLoop()
  const { stream } = tracks.read()!
  const left = t.rejects(finished(stream), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  input.destroy(new Error('gone'))
  await Promise.all([failed, left])
  t.equal(stream.errored, null)
})

t.test('a mistake of the options is told at once', async t => {
  t.throws(() => splitTracks({ audio: 256 }), RangeError)
  t.throws(() => splitTracks({ by: 'audio', video: -1 }), RangeError)
  t.throws(() => splitTracks({ by: 'data' } as never), TypeError)
})

// ---- both

const plain = fc.array(fc.constantFrom('key', 'frame', 'sound', 'header'), { minLength: 1, maxLength: 20 })

/** A stream from what happens in it, one thing every 20 ms. */
const made = (things: readonly string[]): Message[] =>
  ['header', 'key', ...things].map((thing, i) => {
    const at = Math.max(0, i - 1) * 20
    if (thing === 'sound') return audio.frame(at)
    return thing === 'header' ? video.header(at, i) : thing === 'key' ? video.keyframe(at) : video.frame(at)
  })

t.test('streams that are joined are split into what they were', async t => {
  await holdsLater(
    t,
    'any streams, read in any interleaving',
    fc.asyncProperty(
      fc.array(plain, { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.boolean()),
      async (all, late) => {
        const streams = all.map(made)
        const sources = streams.map((messages, video) => ({ source: delayed(messages, late), video, audio: video }))
        const tracks = await split(joinTracks(sources))
        if (tracks.length !== streams.length) throw new Error(`${tracks.length} of ${streams.length} tracks`)
        for (const { trackId, messages } of tracks) {
          const own = messages.filter(isVideo)
          deepEqual(own, streams[trackId]!.filter(isVideo), `video of track ${trackId}`)
        }
      }
    ),
    { numRuns: 50 }
  )
})

t.test('whatever a publisher sends, all ends as the publish does', async t => {
  const first = fc.constantFrom(0x96, 0xa6, 0x97, 0xd6, 0x95, 0x17, 0x27, 0xaf, 0x02)
  const message = fc
    .tuple(first, buffers(24), fc.constantFrom(8, 9, 18, 15, 22), fc.nat(2 ** 32 - 1))
    .map(([byte, rest, type, timestamp]) => ({ ...as(type, Buffer.concat([Buffer.of(byte), rest])), timestamp }))
  await holdsLater(
    t,
    'any messages',
    fc.asyncProperty(fc.array(message), fc.constantFrom('video', 'audio'), async (messages, by) => {
      const sources = [0, 1].map(id => ({ source: from(messages), video: id, audio: id }))
      await split(joinTracks(sources), { by })
      await split([...messages, video.keyframe(0), ...messages], { by })
    }),
    { numRuns: 200 }
  )
})

/** Messages of which some come a turn of the loop later. */
const delayed = (messages: readonly Message[], late: fc.Stream<boolean>): Readable =>
  Readable.from(
    (async function* () {
      for (const message of messages) {
        if (late.next().value) await turnOfTheLoop()
        yield message
      }
    })()
  )
