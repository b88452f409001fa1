import { once } from 'node:events'
import { finished } from 'node:stream'
import {
  type AmfObject,
  clientSession,
  type Message,
  MessageBatch,
  Refused,
  RtmpError,
  readData,
  setChunkSize,
  userControlMessage
} from 'rtmpipe'
import t from 'tap'
import { collect } from '../support/collect.ts'
import { audio, metadata, video, word } from '../support/media.ts'
import { ServerPeer } from '../support/peer.ts'

/** What a promise is rejected with, so far; and no unhandled rejection if nobody asks. */
function outcome(promise: Promise<unknown>): { error: (Error & { code?: string }) | undefined; isDone: boolean } {
  const state: ReturnType<typeof outcome> = { error: undefined, isDone: false }
  promise.then(
    () => {
      state.isDone = true
    },
    error => {
      state.error = error
      state.isDone = true
    }
  )
  return state
}

t.test('connect, and publish as encoders do: no wait for what some servers never answer', async t => {
  const peer = new ServerPeer()
  const connected = peer.session.connect({ app: 'live', tcUrl: 'rtmp://host/live' }, 'token')
  t.same(await peer.hears(), ['connect 1 {} token'])
  await peer.answers(1, { fmsVer: 'x' }, { code: 'NetConnection.Connect.Success', secret: 7 })
  t.match(await connected, { secret: 7 })
  const published = peer.session.publish('film?key=1', { kind: 'record' })
  t.same(await peer.hears(), ['releaseStream 2 null film?key=1', 'FCPublish 3 null film?key=1', 'createStream 4 null'])
  t.same(await peer.answers(4, null, 7), ['#7 publish 5 null film?key=1 record'])
  t.same(await peer.asks('_result', 5, [null]), [], 'an answer to publish itself is not what counts')
  const state = outcome(published)
  await peer.hears()
  t.notOk(state.isDone)
  await peer.says('NetStream.Publish.Start', 7)
  const publishing = await published
  const told: unknown[] = []
  peer.wire.on('data', (message: Message) => message.type === 18 && told.push(readData(message)))
  publishing.write(metadata(0, { width: 1, duration: 10, keyframes: { times: [0], filepositions: [13] } }))
  publishing.write(new MessageBatch([video.keyframe(0), audio.frame(5)]))
  publishing.write(new MessageBatch([metadata(7, { filesize: 1 }), video.frame(40)]))
  publishing.end(audio.frame(45))
  t.same(await peer.hears(), [
    ...['#7 @setDataFrame onMetaData {}', '#7 v key@0', '#7 a@5'],
    ...['#7 @setDataFrame onMetaData {}', '#7 v@40', '#7 a@45'],
    ...['FCUnpublish 6 null film?key=1', 'deleteStream 7 null 7']
  ])
  t.same(told, [
    ['@setDataFrame', 'onMetaData', { width: 1 }],
    ['@setDataFrame', 'onMetaData', {}]
  ])
  t.notOk(publishing.errored)
  const closed = peer.session.close()
  t.same(await peer.hears(), ['end'])
  peer.wire.end()
  await closed
})

/** What is said of a play that has been granted. */
async function playing(peer: ServerPeer, ...more: [object?]) {
  const played = peer.session.play('film', ...(more as []))
  await peer.hears()
  const asked = await peer.answers(2, null, 1)
  await peer.sends(userControlMessage({ kind: 'StreamBegin', messageStreamId: 1 }))
  await peer.says('NetStream.Play.Reset')
  await peer.says('NetStream.Play.Start')
  return { playing: await played, asked }
}

t.test('play, to its end', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film, asked } = await playing(peer)
  t.same(asked, ['#1 play 3 null film -2000', 'SetBufferLength 1 3000'])
  const messages = collect<Message>(film)
  const statuses: unknown[] = []
  film.on('status', ({ code }: AmfObject) => statuses.push(code))
  await peer.sends(
    ...[metadata(), video.header(), video.keyframe(0), audio.frame(5)].map(each => ({ ...each, messageStreamId: 1 }))
  )
  t.same(await peer.says('NetStream.Play.UnpublishNotify'), ['deleteStream 4 null 1'])
  t.same((await messages).map(word), ['meta@0', 'v header@0', 'v key@0', 'a@5'])
  t.same(statuses, ['NetStream.Play.UnpublishNotify'])
  t.equal(peer.ended, undefined, 'the session goes on')
})

t.test(
  'a server that gives one id and speaks on another is heard, late words for what was deleted are not',
  async t => {
    for (const id of [1, 0]) {
      const peer = await new ServerPeer().begins()
      const played = peer.session.play('film')
      await peer.hears()
      t.match(await peer.answers(2, null, 5), ['#5 play 3 null film -2000', 'SetBufferLength 5 3000'])
      await peer.says('NetStream.Play.Start', id)
      const messages = collect<Message>(await played)
      await peer.sends({ ...video.keyframe(0), messageStreamId: id })
      t.same(await peer.says('NetStream.Play.UnpublishNotify', id), ['deleteStream 4 null 5'])
      t.same((await messages).map(word), ['v key@0'])
      const next = peer.session.play('film')
      await peer.hears()
      await peer.answers(5, null, 6)
      await peer.sends({ ...video.frame(40), messageStreamId: 5 })
      await peer.says('NetStream.Play.Stop', 5)
      await peer.says('NetStream.Play.Start', 6)
      const more = collect<Message>(await next)
      await peer.says('NetStream.Play.UnpublishNotify', 6)
      t.same(await more, [])
    }
  }
)

t.test(
  'one message stream publishes and another plays: what comes on neither is of the one that waits for it',
  async t => {
    const peer = await new ServerPeer().begins()
    const published = peer.session.publish('film')
    await peer.hears()
    await peer.answers(4, null, 1)
    await peer.says('NetStream.Publish.Start', 0)
    const publishing = await published
    const played = peer.session.play('other')
    await peer.hears()
    await peer.answers(6, null, 2)
    await peer.says('NetStream.Play.Start', 0)
    const messages = collect<Message>(await played)
    await peer.sends({ ...video.keyframe(0), messageStreamId: 1 }, { ...video.frame(40), messageStreamId: 0 })
    await peer.says('NetStream.Play.UnpublishNotify', 2)
    t.same((await messages).map(word), ['v key@0', 'v@40'])
    t.equal(publishing.destroyed, false)
    publishing.destroy()
  }
)

t.test('a server that sends and sends what nobody plays is ended', async t => {
  const peer = await new ServerPeer({ limits: { strayBytes: 1000 } }).begins()
  await peer.sends(video.keyframe(0, 100))
  t.equal(peer.ended, undefined)
  await peer.sends(video.keyframe(0, 1000))
  t.match(peer.ended?.error, { code: 'ERR_RTMP_STRAY' })
})

t.test('a play may be asked for by start, duration and reset, in milliseconds', async t => {
  const asked = async (options: object) => (await playing(await new ServerPeer().begins(), options)).asked[0]
  t.equal(await asked({ start: 5000 }), '#1 play 3 null film 5000')
  t.equal(await asked({ start: 0, duration: 2000 }), '#1 play 3 null film 0 2000')
  t.equal(await asked({ reset: false }), '#1 play 3 null film -2000 -1000 false')
  const peer = await new ServerPeer().begins()
  void peer.session.play('film', { start: -1000 }).catch(() => {})
  t.same(await peer.hears(), ['FCSubscribe 2 null film', 'createStream 3 null'], 'as rtmpdump does for live only')
})

t.test('each of the three words ends a play, and StreamEof alone does not: it comes at each seek', async t => {
  for (const code of ['NetStream.Play.Stop', 'NetStream.Play.UnpublishNotify', 'onPlayStatus']) {
    const peer = await new ServerPeer().begins()
    const { playing: film } = await playing(peer)
    const messages = collect<Message>(film)
    await peer.sends(userControlMessage({ kind: 'StreamEof', messageStreamId: 1 }), {
      ...video.keyframe(0),
      messageStreamId: 1
    })
    t.notOk(film.readableEnded, 'not at StreamEof')
    if (code.startsWith('Net')) await peer.says(code)
    else await peer.sends(playStatus('NetStream.Play.Complete'))
    t.same((await messages).map(word), ['v key@0'], code)
  }
})

const playStatus = (code: string): Message => ({
  type: 18,
  messageStreamId: 1,
  chunkStreamId: 5,
  timestamp: 0,
  payload: Buffer.concat([
    Buffer.from('02000c6f6e506c6179537461747573030004636f646502', 'hex'),
    Buffer.of(0, code.length),
    Buffer.from(code),
    Buffer.from('000009', 'hex')
  ])
})

t.test(
  'an onPlayStatus that cannot be read ends nothing: it is data, and strangers put what they like into it',
  async t => {
    const peer = await new ServerPeer().begins()
    const { playing: film } = await playing(peer)
    const whole = playStatus('NetStream.Play.Complete')
    await peer.sends({ ...whole, payload: whole.payload.subarray(0, 25) })
    t.equal(peer.ended, undefined)
    t.notOk(film.destroyed)
  }
)

t.test('a server that sends media and says no Play.Start plays', async t => {
  const peer = await new ServerPeer().begins()
  const played = peer.session.play('film')
  await peer.hears()
  await peer.answers(2, null, 1)
  await peer.sends({ ...video.keyframe(0), messageStreamId: 1 })
  const film = await played
  t.equal(word(film.read() as Message), 'v key@0', 'and the first message is there')
})

t.test('what a player asks for while it plays', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  const paused = film.setPaused(true, 1500)
  t.same(await peer.hears(), ['#1 pause 0 null true 1500'])
  await peer.says('NetStream.Pause.Notify')
  await paused
  const resumed = film.setPaused(false, 1500)
  t.same(await peer.hears(), ['#1 pause 0 null false 1500'])
  await peer.says('NetStream.Unpause.Notify')
  await resumed
  film.setPaused(false).catch(() => {})
  t.same(await peer.hears(), ['#1 pause 0 null false 0'])
  const anew = outcome(film.seek(50_000))
  const sought = film.seek(60_000)
  t.same(await peer.hears(), ['#1 seek 0 null 50000', '#1 seek 0 null 60000'])
  t.match(anew.error, { code: 'ERR_RTMP_ANSWER_TIMEOUT', message: /superseded/ }, 'only the last one is waited for')
  await peer.says('NetStream.Seek.Notify')
  await sought
  const beyond = outcome(film.seek(1e9))
  await peer.hears()
  await peer.says('NetStream.Seek.Failed', 1, 'error', 'no')
  t.match(beyond.error, { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Seek.Failed' })
  t.notOk(film.destroyed, 'and it goes on')
  film.receiveAudio(false)
  film.receiveVideo(true)
  film.setBufferLength(9000)
  t.same(await peer.hears(), ['#1 receiveAudio 0 null false', '#1 receiveVideo 0 null true', 'SetBufferLength 1 9000'])
  await peer.says('NetStream.Play.Stop')
  await t.rejects(film.seek(0), TypeError, 'it is over')
  t.throws(() => film.receiveAudio(true), TypeError)
})

t.test('a play that is destroyed is deleted at the peer', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  film.destroy()
  t.same(await peer.hears(), ['deleteStream 4 null 1'])
  await peer.sends({ ...video.keyframe(0), messageStreamId: 1 })
  t.equal(peer.ended, undefined, 'what is on its way yet is passed over')
})

t.test(
  'a publish hears what the peer says of it; destroyed, it is deleted there without a word of its end',
  async t => {
    const peer = await new ServerPeer().begins()
    const published = peer.session.publish('film')
    await peer.hears()
    await peer.answers(4, null, 1)
    await peer.says('NetStream.Publish.Start')
    const film = await published
    t.equal(film.listenerCount('error'), 0, 'from now on its errors are for whoever has it')
    const status = once(film, 'status')
    await peer.says('NetStream.Publish.Idle')
    t.match(await status, [{ code: 'NetStream.Publish.Idle' }])
    film.destroy()
    t.same(await peer.hears(), ['deleteStream 6 null 1'])
  }
)

t.test('refusals carry the status and the words of the peer', async t => {
  const peer = new ServerPeer()
  const connected = outcome(peer.session.connect({ app: 'live' }))
  await peer.hears()
  await peer.asks('_error', 1, [null, { code: 'NetConnection.Connect.Rejected', description: 'no such app' }])
  t.ok(connected.error instanceof Refused)
  t.match(connected.error, { status: 'NetConnection.Connect.Rejected', description: 'no such app' })

  const other = await new ServerPeer().begins()
  const published = outcome(other.session.publish('film'))
  await other.hears()
  await other.answers(4, null, 1)
  t.same(await other.says('NetStream.Publish.BadName', 1, 'error', 'taken'), ['deleteStream 6 null 1'])
  t.match(published.error, { status: 'NetStream.Publish.BadName', description: 'taken' })
  const played = outcome(other.session.play('film'))
  await other.hears()
  await other.answers(7, null, 2)
  await other.says('NetStream.Play.StreamNotFound', 2, 'error')
  t.match(played.error, { status: 'NetStream.Play.StreamNotFound' })
  const called = outcome(other.session.call('add', 1, 2))
  t.same(await other.hears(), ['deleteStream 9 null 2', 'add 10 null 1 2'].slice(1))
  await other.asks('_error', 10, [{ code: 'NetConnection.Call.BadVersion' }])
  t.match(called.error, { status: 'NetConnection.Call.BadVersion' }, 'information in the first place')
  const answered = other.session.call('add', 1, 2)
  await other.hears()
  await other.answers(11, null, 3)
  t.equal(await answered, 3)
})

t.test('a peer that answers nothing: each time a typed one', async t => {
  const peer = new ServerPeer({ timeoutMs: 500 })
  const connected = outcome(peer.session.connect({ app: 'live' }))
  peer.clock.pass(499)
  await peer.hears()
  t.notOk(connected.isDone)
  peer.clock.pass(1)
  await peer.hears()
  t.equal(connected.error?.code, 'ERR_RTMP_ANSWER_TIMEOUT')
  t.match(connected.error?.message, /connect, 500 ms/)

  const other = await new ServerPeer({ timeoutMs: 500 }).begins()
  const published = outcome(other.session.publish('film'))
  await other.hears()
  other.clock.pass(500)
  await other.hears()
  t.equal(published.error?.code, 'ERR_RTMP_ANSWER_TIMEOUT', 'createStream')
  const played = outcome(other.session.play('film'))
  await other.hears()
  await other.answers(5, null, 1)
  other.clock.pass(500)
  t.same(await other.hears(), ['deleteStream 7 null 1'])
  t.equal(played.error?.code, 'ERR_RTMP_ANSWER_TIMEOUT', 'play')
  t.equal(other.ended, undefined)
  other.session.destroy()
  await other.hears()
  t.equal(other.clock.timers, 0, 'and no timer is left')
})

const pong = userControlMessage({ kind: 'PingResponse', timestamp: 0 })
/** What was heard but for pings, and how many of those. */
const pings = async (peer: ServerPeer) => (await peer.hears()).filter(heard => heard.startsWith('PingRequest')).length

t.test('a destination is asked at once whether it answers: one that does has to go on with that', async t => {
  for (const answers of [false, true]) {
    const peer = await new ServerPeer().begins()
    const published = peer.session.publish('film')
    await peer.hears()
    await peer.answers(4, null, 1)
    t.same(await peer.says('NetStream.Publish.Start'), ['PingRequest 0'])
    const failed = once(await published, 'error')
    if (answers) await peer.sends(pong)
    peer.clock.pass(29_999)
    t.equal(await pings(peer), 1)
    t.equal(peer.ended, undefined)
    peer.clock.pass(answers ? 1 : 3_600_000)
    await peer.hears()
    if (answers) t.match(await failed, [{ code: 'ERR_RTMP_IDLE' }])
    else t.equal(peer.ended, undefined, 'there are platforms that say nothing for hours')
    peer.session.destroy()
    if (!answers) await failed
  }
})

t.test('a source that has never sent anything may wait; one that has is gone after two intervals', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  film.resume()
  const failed = once(film, 'error')
  peer.clock.pass(3_600_000)
  t.equal(await pings(peer), 120)
  await peer.sends(video.keyframe(0))
  const paused = film.setPaused(true)
  await peer.says('NetStream.Pause.Notify')
  await paused
  peer.clock.pass(600_000)
  await peer.hears()
  t.equal(peer.ended, undefined, 'nor need one send that was asked to pause')
  const resumed = film.setPaused(false)
  await peer.says('NetStream.Unpause.Notify')
  await resumed
  peer.clock.pass(59_999)
  t.equal(await pings(peer), 1)
  t.equal(peer.ended, undefined)
  peer.clock.pass(1)
  t.match(await failed, [{ code: 'ERR_RTMP_IDLE' }])
})

t.test('a publish that the peer ends fails with what it said', async t => {
  const peer = await new ServerPeer().begins()
  const published = peer.session.publish('film')
  await peer.hears()
  await peer.answers(4, null, 1)
  await peer.says('NetStream.Publish.Start')
  const publishing = await published
  const failed = once(publishing, 'error')
  t.same(await peer.says('NetStream.Publish.Denied', 1, 'error', 'your time is over'), ['deleteStream 6 null 1'])
  const [error] = await failed
  t.match(error, { status: 'NetStream.Publish.Denied', description: 'your time is over' })
})

t.test('a peer that leaves where nothing is left to be read: it fails at once, though nobody reads', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  const failed = once(film, 'error')
  peer.wire.end()
  t.match(await failed, [{ code: 'ERR_RTMP_PREMATURE_CLOSE' }])
})

t.test('a peer that leaves: what waits fails, and what was played is read to the last, then fails', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  const called = outcome(peer.session.call('add'))
  for (const at of [0, 40, 80]) await peer.sends({ ...video.keyframe(at), messageStreamId: 1 })
  peer.wire.end()
  await peer.hears()
  t.equal(called.error?.code, 'ERR_RTMP_PREMATURE_CLOSE')
  const read: string[] = []
  film.on('data', message => read.push(word(message)))
  await new Promise<void>(resolve =>
    finished(film, error => {
      t.equal((error as { code?: string }).code, 'ERR_RTMP_PREMATURE_CLOSE')
      resolve()
    })
  )
  t.same(read, ['v key@0', 'v key@40', 'v key@80'])
})

t.test('a connection that fails before the peer has answered a publish or a play', async t => {
  for (const what of ['publish', 'play'] as const) {
    const peer = await new ServerPeer().begins()
    const asked = outcome(peer.session[what]('film'))
    await peer.hears()
    await peer.answers(what === 'publish' ? 4 : 2, null, 1)
    peer.session.destroy(new RtmpError('ERR_RTMP_STALLED'))
    await peer.hears()
    t.match(asked.error, { code: 'ERR_RTMP_STALLED' }, what)
  }
})

t.test('a late error of a message stream that was deleted ends nothing', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  film.destroy()
  await peer.hears()
  await peer.says('NetStream.Play.Failed', 1, 'error')
  t.equal(peer.ended, undefined)
})

t.test('a session that is closed here ends what it plays, and lets go of what it publishes', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  const messages = collect(film)
  const closed = outcome(peer.session.close())
  const disposed = outcome((peer.session as AsyncDisposable)[Symbol.asyncDispose]() as Promise<void>)
  t.same(await peer.hears(), ['deleteStream 4 null 1', 'end'])
  t.same(await messages, [], 'a clean end')
  t.notOk(closed.isDone || disposed.isDone, 'which takes the peer to leave')
  await t.rejects(peer.session.call('x'), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  peer.wire.end()
  await peer.hears()
  t.ok(closed.isDone && disposed.isDone)
  await peer.session.close()
  await t.rejects(peer.session.call('x'), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
})

t.test('one of two publishes is destroyed while both wait for the wire: the other goes on', async t => {
  const peer = await new ServerPeer().begins()
  const films = []
  for (const [id, createStream] of [
    [1, 4],
    [2, 8]
  ] as const) {
    const published = peer.session.publish(`film ${id}`)
    await peer.hears()
    await peer.answers(createStream, null, id)
    await peer.says('NetStream.Publish.Start', id)
    films.push(await published)
  }
  const [one, two] = films
  peer.wire.pause()
  for (let at = 0; at < 50; at++) one!.write(video.keyframe(at, 50_000))
  await peer.hears()
  for (let at = 0; at < 5; at++) two!.write(video.keyframe(at))
  one!.destroy()
  peer.wire.resume()
  const heard = await peer.hears()
  t.same(
    heard.filter(line => line.startsWith('#2')),
    [0, 1, 2, 3, 4].map(at => `#2 v key@${at}`)
  )
  t.ok(heard.length < 50, `${heard.length} were heard`)
})

t.test('answers that the peer has taken do not count any more', async t => {
  const session = clientSession({ limits: { replyBytes: 10 * 262 } })
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 10; i++) session.write(userControlMessage({ kind: 'PingRequest', timestamp: i }))
    for (let taken = 0; taken < 10; taken++) t.ok(session.read())
    t.equal(session.read(), null)
  }
  t.notOk(session.destroyed)
  for (let i = 0; i < 30; i++) session.write(userControlMessage({ kind: 'PingRequest', timestamp: i }))
  t.match(await once(session, 'error'), [{ code: 'ERR_RTMP_REPLIES' }], 'those it leaves do')
})

t.test('a session that is closed here while something is asked: it is not answered any more', async t => {
  const peer = await new ServerPeer().begins()
  const played = outcome(peer.session.play('film'))
  await peer.hears()
  await peer.answers(2, null, 1)
  const called = outcome(peer.session.call('add'))
  void peer.session.close()
  t.same(await peer.hears(), ['add 4 null', 'deleteStream 5 null 1', 'end'])
  for (const { error } of [played, called]) t.match(error, { code: 'ERR_RTMP_PREMATURE_CLOSE' })
})

t.test('what is slow to be read holds the peer back', async t => {
  const peer = await new ServerPeer().begins()
  const { playing: film } = await playing(peer)
  const frames = Array.from({ length: 200 }, (_, i) => ({ ...video.keyframe(i, 2000), messageStreamId: 1 }))
  for (const frame of frames) peer.wire.write(frame)
  await peer.hears()
  t.ok(film.readableLength <= 17, `${film.readableLength} wait here`)
  t.ok(peer.wire.writableLength > 50, 'and the rest at the peer')
  const messages = collect<Message>(film)
  await peer.hears()
  await peer.says('NetStream.Play.Stop')
  t.equal((await messages).length, 200)
})

t.test('what a server says of its own accord', async t => {
  const peer = await new ServerPeer().begins()
  t.same(await peer.asks('onBWDone', 0, [null, 8192]), [])
  t.same(await peer.asks('_onbwcheck', 7, [null, 'x']), ['_result 7 null 0'], 'as Adobe servers measure the line')
  t.same(await peer.asks('whatIsThis', 8, [null]), ['_error 8 null NetConnection.Call.Failed'])
  const heard = once(peer.session, 'command')
  t.same(await peer.asks('setName', 9, [null, 'x']), [], 'whoever listens answers')
  const [asked, answer] = await heard
  t.match(asked, { name: 'setName', transactionId: 9, args: [null, 'x'] })
  answer('Ada')
  t.same(await peer.hears(), ['_result 9 null Ada'])
  const told: unknown[] = []
  for (const event of ['message', 'userControl'] as const) peer.session.on(event, () => told.push(event))
  await peer.sends(
    { type: 19, messageStreamId: 0, chunkStreamId: 3, timestamp: 0, payload: Buffer.of(0) },
    userControlMessage({ kind: 'StreamDry', messageStreamId: 1 })
  )
  t.same(told, ['message', 'userControl'])
  await peer.sends(setChunkSize(200))
  const status = once(peer.session, 'status')
  await peer.says('NetConnection.Connect.ReconnectRequest', 0)
  t.match(await status, [{ code: 'NetConnection.Connect.ReconnectRequest' }])
  await peer.says('NetConnection.Connect.Closed', 0, 'error', 'bye')
  t.match(peer.ended?.error, { status: 'NetConnection.Connect.Closed', description: 'bye' })
})

t.test('what AMF0 has no word for is called in AMF3, once both sides have said that they read it', async t => {
  const peer = new ServerPeer()
  const connected = peer.session.connect({ app: 'live', objectEncoding: 3 })
  t.same(await peer.hears(), ['connect 1 {}'], 'the first command is in AMF0: nobody knows yet')
  await peer.answers(1, {}, { code: 'NetConnection.Connect.Success', objectEncoding: 3 })
  await connected
  const called = peer.session.call('keep', Buffer.of(0, 255))
  t.same(await peer.hears(), ['amf3 keep 2 null <00ff>'])
  await peer.asks('_result', 2, [null, Buffer.of(7)], 0, 3)
  t.same(await called, Buffer.of(7))

  for (const [asked, answered] of [
    [0, 3],
    [3, 0],
    [3, undefined]
  ] as const) {
    const plain = new ServerPeer()
    const connecting = plain.session.connect({ app: 'live', objectEncoding: asked })
    await plain.hears()
    await plain.answers(1, {}, { code: 'NetConnection.Connect.Success', objectEncoding: answered })
    await connecting
    const message = /AMF0 cannot encode a Buffer/
    await t.rejects(
      plain.session.call('keep', Buffer.of(0, 255)),
      { name: 'TypeError', message },
      `${asked} ${answered}`
    )
  }
})

t.test('what a caller does in the wrong order is a TypeError at once', async t => {
  const peer = new ServerPeer()
  await t.rejects(peer.session.publish('film'), TypeError)
  await t.rejects(peer.session.call('x'), TypeError)
  const early = new ServerPeer()
  early.session.connect({}).catch(() => {})
  await t.rejects(early.session.connect({}), TypeError, 'it connects already')
  await t.rejects(early.session.call('x'), TypeError, 'it is not connected yet')
  t.same(await peer.hears(), [], 'and nothing is sent')
  await peer.begins()
  await t.rejects(peer.session.connect({}), TypeError)
  t.throws(() => new ServerPeer({ timeoutMs: 0 }), RangeError)
})
