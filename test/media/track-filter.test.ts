import { Readable } from 'node:stream'
import { commandMessage, dataMessage, type Message, onStatus, type TrackSelection, trackFilter } from 'rtmpipe'
import t from 'tap'
import { audio, metadata, video, word } from '../support/media.ts'

const other = (type: number, timestamp: number): Message => ({ ...video.frame(timestamp), type })
const through = (messages: Message[], tracks?: TrackSelection): Promise<Message[]> =>
  Readable.from(messages).pipe(trackFilter(tracks)).toArray()

/** What goes in is a message, or what is chosen between two of them. */
function chosen(first: TrackSelection, ...steps: (Message | TrackSelection)[]): string[] {
  const filter = trackFilter(first)
  const words: string[] = []
  for (const step of steps) {
    if ('payload' in step) filter.write(step)
    else filter.select(step)
    for (let message = filter.read(); message !== null; message = filter.read()) words.push(word(message))
  }
  return words
}

const film = [
  ...[metadata(), video.header(), audio.header()],
  ...[video.keyframe(0), audio.frame(20), video.frame(40), audio.frame(43), video.keyframe(80)]
]

t.test('all tracks pass unless told, the same messages', async t => {
  const got = await through(film)
  t.equal(got.length, film.length)
  for (const [i, message] of got.entries()) t.equal(message, film[i])
})

t.test('what is not wanted is left out, its state too', async t => {
  const words = async (tracks: TrackSelection) => (await through(film, tracks)).map(word)
  t.same(await words({ video: false }), ['meta@0', 'a header@0', 'a@20', 'a@43'])
  t.same(await words({ audio: false, data: false }), ['v header@0', 'v key@0', 'v@40', 'v key@80'])
  t.same(await words({ audio: false, video: false, data: false }), [])
})

t.test('what is no track passes, and so does an aggregate', async t => {
  const status = commandMessage(onStatus(1, 'NetStream.Play.UnpublishNotify', 'gone'))
  const messages = [status, other(22, 40), other(4, 50)]
  t.same(await through(messages, { audio: false, video: false, data: false }), messages)
})

t.test('video that is let in again begins at a keyframe, behind its newest sequence header', async t => {
  t.same(
    chosen(
      {},
      ...[video.header(), video.keyframe(0), audio.frame(20), { video: false }],
      ...[video.frame(40), audio.frame(43), video.header(80, 2), video.keyframe(80), video.header(120, 3)],
      ...[{ video: true }, video.frame(160), audio.frame(166), video.keyframe(200), video.frame(240)]
    ),
    ['v header@0', 'v key@0', 'a@20', 'a@43', 'a@166', 'v header@200', 'v key@200', 'v@240']
  )
})

t.test('that header is the newest one, and one that comes while it waits for the keyframe is', async t => {
  const filter = trackFilter({ video: false })
  for (const message of [video.header(0, 1), video.header(40, 2)]) filter.write(message)
  filter.select({ video: true })
  for (const message of [video.header(80, 3), video.keyframe(80)]) filter.write(message)
  t.same(filter.read(), video.header(80, 3))
  t.same(filter.read(), video.keyframe(80))
})

t.test('a header that the reader has already is not told again', async t => {
  t.same(
    chosen(
      {},
      ...[video.header(), video.keyframe(0), { video: false }, video.frame(40)],
      ...[{ video: true }, video.keyframe(80), { video: false }, video.frame(120), { video: true }, video.keyframe(160)]
    ),
    ['v header@0', 'v key@0', 'v key@80', 'v key@160']
  )
})

t.test('nothing was missed, so nothing is waited for', async t => {
  t.same(chosen({}, video.keyframe(0), { video: false }, { video: true }, video.frame(40)), ['v key@0', 'v@40'])
})

t.test('audio goes on at its next frame, metadata ahead of the next media', async t => {
  t.same(
    chosen(
      { audio: false, data: false },
      ...[metadata(), audio.header(), video.header(), video.keyframe(0), audio.frame(20)],
      ...[{ audio: true, data: true }, video.frame(40), audio.frame(43)]
    ),
    ['v header@0', 'v key@0', 'meta@0', 'v@40', 'a header@43', 'a@43']
  )
  t.same(chosen({ audio: false }, audio.header(), { audio: true }, audio.header(20), audio.frame(43)), [
    'a header@43',
    'a@43'
  ])
})

t.test('metadata waits for something to be ahead of, and gives way to newer', async t => {
  const data = chosen(
    { data: false, video: false },
    ...[metadata(), video.keyframe(0), { data: true, video: true }, video.frame(40), video.keyframe(80)]
  )
  t.same(data, ['meta@0', 'v key@80'])
  t.same(chosen({ data: false }, metadata(), { data: true }, metadata(50), audio.frame(60)), ['meta@50', 'a@60'])
  const cue = dataMessage(['onCuePoint'], { timestamp: 50 })
  t.same(chosen({ data: false }, metadata(), { data: true }, cue), ['meta@0', 'meta@50'])
})

t.test('tracks that are not named stay as they were', async t => {
  t.same(chosen({ audio: false }, { video: false }, audio.frame(0), video.keyframe(0), metadata()), ['meta@0'])
  t.same(chosen({ video: false, data: false }, { audio: true }, audio.frame(0), video.keyframe(0), metadata()), ['a@0'])
})

t.test('a choice that is none', async t => {
  t.throws(() => trackFilter({ audio: 1 as never }), TypeError)
  const filter = trackFilter({ video: false })
  t.throws(() => filter.select({ video: true, data: null as never }), TypeError)
  filter.write(video.keyframe(0))
  t.equal(filter.read(), null, 'nothing of it is taken over')
})
