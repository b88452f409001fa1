import { once } from 'node:events'
import { type Duplex, pipeline, Readable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type AddressedBatch,
  type AmfObject,
  type AmfValue,
  type Connect,
  commandMessage,
  createCommand,
  Dictionary,
  dataMessage,
  isCommandType,
  LiveStream,
  type Message,
  MessageBatch,
  type Play,
  type PlayAcceptance,
  type Publish,
  Refused,
  readCommand,
  readData,
  type ServerSession,
  serverSession,
  stage,
  trackFilter,
  userControlMessage
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { collect } from '../support/collect.ts'
import { audio, metadata, track, video, word } from '../support/media.ts'
import { Peer } from '../support/peer.ts'

const info = { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' }

/** A peer whose publishes and plays are kept for the test to decide on. */
function undecided(options = {}) {
  const publishes: Publish[] = []
  const plays: Play[] = []
  const peer = new Peer(options, session => {
    session.on('publish', publish => void publishes.push(publish))
    session.on('play', play => void plays.push(play))
  })
  return { peer, publishes, plays }
}

t.test('connect, createStream, publish: as an encoder says it', async t => {
  const { peer, publishes } = undecided()
  t.same(await peer.asks('connect', 1, [info]), ['_result 1 {} NetConnection.Connect.Success'])
  t.same(await peer.asks('releaseStream', 2, [null, 'film']), ['_result 2 null undefined'])
  t.same(await peer.asks('FCPublish', 3, [null, 'film']), [
    '_result 3 null undefined',
    'onFCPublish 0 null NetStream.Publish.Start'
  ])
  t.same(await peer.asks('createStream', 4, [null]), ['_result 4 null 1'])
  t.same(await peer.asks('publish', 5, [null, 'film', 'live'], 1), [], 'nothing before the application decides')
  const [publish] = publishes
  t.match(publish, { app: 'live', name: 'film', path: 'live/film', kind: 'live' })
  const messages = collect<Message>(publish!.accept())
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.Start'])
  await peer.sends(video.header(), audio.frame(5), metadata(7))
  t.same(await peer.asks('FCUnpublish', 6, [null, 'film']), [
    '_result 6 null undefined',
    'onFCUnpublish 0 null NetStream.Unpublish.Success'
  ])
  t.same((await messages).map(word), ['v header@0', 'a@5', 'meta@7'])
  t.same(await peer.asks('deleteStream', 7, [null, 1]), [])
})

t.test('a stream is where the URL leads that was typed into its encoder, however that says it', async t => {
  const host = 'rtmp://127.0.0.1:1935'
  const typed: [path: string, info: AmfObject, name: AmfValue][] = [
    ['live/cam', { app: 'live', tcUrl: `${host}/live` }, 'cam'],
    ['live/cam', { app: 'live/cam', tcUrl: `${host}/live/cam` }, ''],
    ['live/cam', { app: 'live/cam', tcUrl: `${host}/live/cam` }, null],
    ['cam', { app: 'cam', tcUrl: `${host}/cam` }, ''],
    ['cam', { app: '', tcUrl: host }, 'cam'],
    ['live/cam', { app: '/live//', tcUrl: `${host}/live/` }, '/cam/'],
    ['live/cam', { app: 'live/_definst_', tcUrl: `${host}/live/_definst_` }, 'cam'],
    ['live/cam', { app: 'live' }, 'cam'],
    ['live/cam', { tcUrl: `${host}/live` }, 'cam'],
    ['live/cam', { app: 'live', tcUrl: 'rtmp://nat.example:19350/live' }, 'cam'],
    // all of the URL, or its path, as the name
    ['live/cam', { app: 'live', tcUrl: `${host}/live` }, `${host}/live/cam`],
    ['live/cam', { app: 'live', tcUrl: `${host}/live` }, 'RTMPS://nat.example/live/_definst_/cam/'],
    ['live/cam', { app: 'live/cam', tcUrl: `${host}/live/cam` }, `${host}/live/cam`],
    ['cam', { app: 'cam', tcUrl: `${host}/cam` }, `${host}/cam`],
    ['a/b/c/d', { app: 'a/b/c', tcUrl: `${host}/a/b/c` }, `${host}/a/b/c/d`],
    ['live/cam', { app: 'live', tcUrl: `${host}/live` }, 'live/cam'],
    ['live/cam', { app: 'live/live', tcUrl: `${host}/live/live` }, 'cam'],
    ['live/cam', { app: 'live/cam', tcUrl: `${host}/live/cam` }, 'live/cam'],
    // all of it as the app, or in the tcUrl alone
    ['live/cam', { app: `${host}/live`, tcUrl: `${host}/live` }, 'cam'],
    ['live/cam', { app: `${host}/live`, tcUrl: `${host}/live` }, `${host}/live/cam`],
    ['live/cam', { app: `${host}/live/cam`, tcUrl: `${host}/live/cam` }, ''],
    ['live/cam', { app: `${host}/live/cam`, tcUrl: `${host}/live/cam` }, 'cam'],
    ['live/cam', { tcUrl: `${host}/live/cam` }, 'cam'],
    ['live/cam', { app: 'live', tcUrl: `${host}/live/cam` }, ''],
    ['cam', { app: 'cam?', tcUrl: `${host}/cam?` }, 'user=a&pass=b'],
    // what is no mistake
    ['live/live', { app: 'live', tcUrl: `${host}/live` }, 'live'],
    ['a/b/b', { app: 'a/b', tcUrl: `${host}/a/b` }, 'b'],
    ['live/liver/cam', { app: 'live', tcUrl: `${host}/live` }, 'liver/cam'],
    ['LIVE/cam', { app: 'LIVE', tcUrl: `${host}/LIVE` }, 'cam'],
    // nor is it a way out of the app
    ['live/other/cam', { app: 'live', tcUrl: `${host}/live` }, `${host}/other/cam`]
  ]
  for (const [path, info, name] of typed) {
    const { peer, publishes, plays } = undecided()
    await peer.begins(info)
    await peer.asks('play', 3, [null, name], 1)
    plays[0]!.reject()
    await peer.hears()
    await peer.asks('publish', 4, [null, name], 1)
    t.same([plays[0]!.path, publishes[0]!.path], [path, path], `${String(info.app)} ${String(name)}`)
  }
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, `${host}/live/cam?key=a`], 1)
  const messages = collect<Message>(publishes[0]!.accept())
  publishes[0]!.rename('live/ada')
  t.equal(publishes[0]!.path, 'live/live/ada', 'what the application says is taken by the letter')
  await peer.asks('FCUnpublish', 4, [null, `${host}/live/cam`])
  t.same(await messages, [], 'it ends by the name that began it')
})

t.test('a query is given as it came, and unescaped: a plus is a plus', async t => {
  const key = 'ab+cd/ef=='
  const tcUrl = 'rtmp://127.0.0.1/live'
  const queries: [raw: string, keys: string, info: AmfObject, name: string][] = [
    [`key=${key}`, key, { app: 'live', tcUrl }, `film?key=${key}`],
    [`key=${key}`, key, { app: `live?key=${key}`, tcUrl: `${tcUrl}?key=${key}` }, 'film'],
    [`key=${key}`, key, { app: 'live', tcUrl: `${tcUrl}?key=${key}` }, 'film'],
    [`a=1&b=2&key=${key}`, key, { app: 'live?b=2', tcUrl: `${tcUrl}?a=1` }, `film?key=${key}`],
    ['key=a%2Fb%2B&c', 'a/b+', { app: 'live', tcUrl }, 'film?key=a%2Fb%2B&c'],
    ['key=100%#&b=?x', '100%#', { app: 'live', tcUrl }, 'film?key=100%#&b=?x'],
    [`key=${key}`, key, { app: 'live', tcUrl }, `${tcUrl}/film?key=${key}`],
    ['key=a b', 'a b', { app: 'live?', tcUrl }, 'key=a b'],
    ['', 'null', { app: 'live', tcUrl }, 'film']
  ]
  for (const [raw, keys, info, name] of queries) {
    const { peer, publishes } = undecided()
    await peer.begins(info)
    await peer.asks('publish', 3, [null, name], 1)
    const { rawQuery, query, path } = publishes[0]!
    t.same([rawQuery, `${query.get('key')}`, path], [raw, keys, name.startsWith('key') ? 'live' : 'live/film'])
    publishes[0]!.rename('ada')
    t.same([publishes[0]!.rawQuery, publishes[0]!.path], [raw, 'live/ada'])
  }
})

t.test('who says that it reads AMF3 hears that we do, and is answered as it asks', async t => {
  for (const objectEncoding of [undefined, 0, 3, 7]) {
    const { peer } = undecided()
    const told: unknown[] = []
    peer.wire.on('data', message => {
      if (message.type === 20) told.push((readCommand(message).args[1] as AmfObject).objectEncoding)
    })
    await peer.asks('connect', 1, [{ ...info, objectEncoding }])
    t.same(told, [objectEncoding === 3 ? 3 : 0], `${objectEncoding}`)
  }
  const { peer, publishes } = undecided()
  await peer.begins({ ...info, objectEncoding: 3 })
  t.same(await peer.asks('releaseStream', 3, [null, 'film'], 0, 3), ['amf3 _result 3 null undefined'])
  t.same(await peer.asks('getStreamLength', 4, [new Dictionary([]), 'film'], 0, 3), ['amf3 _result 4 null 0'])
  await peer.asks('publish', 5, [null, 'film', 'live'], 1, 3)
  const messages = collect<Message>(publishes[0]!.accept())
  await peer.sends(dataMessage(['onCuePoint', { at: Buffer.of(1) }], { encoding: 3, messageStreamId: 1 }))
  await peer.asks('deleteStream', 6, [null, 1], 0, 3)
  t.strictSame(
    (await messages).map(message => [message.type, readData(message)[0]]),
    [[15, 'onCuePoint']]
  )
})

t.test('transaction 0 wants no answer: so GStreamer asks', async t => {
  const { peer } = undecided()
  await peer.asks('connect', 1, [info])
  t.same(await peer.asks('releaseStream', 0, [null, 'film']), [])
  t.same(await peer.asks('FCPublish', 0, [null, 'film']), ['onFCPublish 0 null NetStream.Publish.Start'])
})

t.test('connect, createStream, play: as a player says it', async t => {
  const { peer, plays } = undecided()
  await peer.begins()
  t.same(await peer.asks('_checkbw', 3, [null]), ['_result 3 null 0'])
  t.same(await peer.asks('getStreamLength', 4, [null, 'film']), ['_result 4 null 0'])
  t.same(await peer.asks('FCSubscribe', 5, [null, 'film']), [
    '_result 5 null undefined',
    'onFCSubscribe 0 null NetStream.Play.Start'
  ])
  t.same(await peer.asks('play', 0, [null, 'film', -2000], 1), [])
  t.match(plays[0], { path: 'live/film', start: -2000, duration: -1000, reset: true })
  const out = plays[0]!.accept()
  out.write(video.header())
  t.same(await peer.hears(), [
    'StreamBegin 1',
    '#1 onStatus 0 null NetStream.Play.Reset',
    '#1 onStatus 0 null NetStream.Play.Start',
    '#1 v header@0'
  ])
  out.write(new MessageBatch([audio.frame(5), video.keyframe(7)]))
  out.end(video.frame(40))
  t.same(await peer.hears(), [
    ...['#1 a@5', '#1 v key@7', '#1 v@40', '#1 onPlayStatus NetStream.Play.Complete', 'StreamEof 1'],
    '#1 onStatus 0 null NetStream.Play.UnpublishNotify'
  ])
})

t.test('a recording is said to be one, and stops', async t => {
  const { peer, plays } = undecided()
  await peer.begins()
  await peer.asks('play', 0, [null, 'film', 0, 5000, false], 1)
  t.match(plays[0], { start: 0, duration: 5000, reset: false })
  plays[0]!.accept({ recorded: true }).end(video.keyframe(0))
  t.same(await peer.hears(), [
    ...['StreamIsRecorded 1', 'StreamBegin 1', '#1 onStatus 0 null NetStream.Play.Start', '#1 v key@0'],
    ...['#1 onPlayStatus NetStream.Play.Complete', 'StreamEof 1', '#1 onStatus 0 null NetStream.Play.Stop']
  ])
})

t.test('app, name and query, as programs split them', async t => {
  const where = async (connect: object, name: string) => {
    const { peer, publishes } = undecided()
    await peer.begins(connect as never)
    await peer.asks('publish', 3, [null, name], 1)
    const { app, path, query } = publishes[0]!
    return [app, publishes[0]!.name, path, `${query}`]
  }
  t.same(await where({ app: 'live' }, 'film'), ['live', 'film', 'live/film', ''], 'ffmpeg')
  t.same(await where({ app: 'a/b' }, 'c/d'), ['a/b', 'c/d', 'a/b/c/d', ''], 'Adobe-style paths')
  t.same(await where({ app: 'live' }, 'film?key=a&token=b'), ['live', 'film', 'live/film', 'key=a&token=b'])
  t.same(
    await where({ app: 'live?key=a&x=1' }, 'film?key=b'),
    ['live', 'film', 'live/film', 'key=b&x=1'],
    "the name's word counts"
  )
  t.same(
    await where({ app: 'live/_definst_' }, 'film'),
    ['live/_definst_', 'film', 'live/film', ''],
    'the default instance'
  )
  t.same(
    await where({ app: 'live?b=3&b=4', tcUrl: 'rtmp://host/live?a=1&b=2' }, 'film?a=5&a=6'),
    ['live', 'film', 'live/film', 'a=6&b=4'],
    'the last word counts'
  )
  const keys = Array.from({ length: 30_000 }, (_, i) => i.toString(36)).join('&')
  t.equal(
    (await where({ app: `live?${keys}`, tcUrl: `rtmp://host/live?${keys}` }, `film?${keys}`))[3],
    `${keys.slice(0, 65_535).replaceAll('&', '=&')}=`,
    'of 30,000 keys as many as an AMF0 string has room for'
  )
  t.same(
    await where({ app: 'live?key=a?authmod=adobe&user=ada' }, 'film'),
    ['live', 'film', 'live/film', 'key=a&authmod=adobe&user=ada'],
    "ffmpeg's way to add a query to a query"
  )
  t.same(await where({ app: 'live/' }, '/film'), ['live', '/film', 'live/film', ''])
  t.same(
    await where({ tcUrl: 'rtmp://host:1935/live/x?key=a' }, 'film'),
    ['live/x', 'film', 'live/x/film', 'key=a'],
    'no app'
  )
  t.same(await where({ app: '', tcUrl: 'rtmp://host' }, 'film'), ['', 'film', 'film', ''])
  t.same(await where({ app: 7 }, 'film'), ['', 'film', 'film', ''], 'an app of another type')
  t.same(
    await where({ app: 'live' }, '../../etc/passwd'),
    ['live', '../../etc/passwd', 'live/../../etc/passwd', ''],
    'nothing is made of it here'
  )
})

t.test('a publish may be given another name, so that its key stays hidden', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'secret?x=1', 'record'], 1)
  const [publish] = publishes
  publish!.rename('film')
  t.match(publish, { name: 'film', path: 'live/film', kind: 'record' })
  t.equal(publish!.query.get('x'), '1')
  const messages = collect(publish!.accept())
  await peer.asks('FCUnpublish', 4, [null, 'secret?x=1'])
  t.same(await messages, [], 'the peer still calls it what it called it')
})

t.test('no media is read before the decision, and all of it after', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const frames = Array.from({ length: 100 }, (_, i) => video.frame(i, 2000))
  for (const frame of frames) peer.wire.write(frame)
  await turnOfTheLoop()
  t.ok(peer.session.writableLength <= 17, 'the wire is not read')
  const messages = collect<Message>(publishes[0]!.accept())
  await peer.hears()
  peer.wire.end()
  t.equal((await messages).length, 100)
})

t.test('a publish that is refused', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  publishes[0]!.reject()
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.Denied'])
  t.throws(() => publishes[0]!.accept(), TypeError)
  await peer.asks('publish', 4, [null, 'film'], 1)
  publishes[1]!.reject('NetStream.Publish.BadName', 'taken')
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.BadName'])
  await peer.asks('play', 5, [null, 'film'], 1)
  t.same(peer.ended, undefined, 'the connection goes on')
})

t.test('a play that is refused', async t => {
  const { peer, plays } = undecided()
  await peer.begins()
  await peer.asks('play', 3, [null, 'film'], 1)
  plays[0]!.reject('NetStream.Play.StreamNotFound', 'there is no such film')
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Play.StreamNotFound'])
})

t.test('what nobody listens for is refused', async t => {
  const peer = await new Peer().begins()
  t.same(await peer.asks('publish', 3, [null, 'film'], 1), ['#1 onStatus 0 null NetStream.Publish.Denied'])
  t.same(await peer.asks('play', 4, [null, 'film'], 1), ['#1 onStatus 0 null NetStream.Play.Failed'])
})

const failing: [string, (publish: Publish) => unknown, string, number][] = [
  [
    'throws',
    () => {
      throw new Error('no database')
    },
    'NetStream.Publish.Denied',
    1
  ],
  [
    'throws a refusal',
    () => {
      throw new Refused('NetStream.Publish.BadName', 'taken')
    },
    'NetStream.Publish.BadName',
    0
  ],
  ['rejects', async () => Promise.reject(new Error('no database')), 'NetStream.Publish.Denied', 1],
  [
    'accepts, and throws in the same breath',
    publish => {
      publish.accept().resume()
      throw new Refused('NetStream.Publish.BadName', 'taken')
    },
    'NetStream.Publish.BadName',
    0
  ],
  [
    'accepts, and rejects in the same breath',
    async publish => {
      publish.accept().resume()
      throw new Refused('NetStream.Publish.BadName', 'taken')
    },
    'NetStream.Publish.BadName',
    0
  ],
  [
    'waits, accepts, and throws',
    async publish => {
      await turnOfTheLoop()
      publish.accept().resume()
      throw new Refused('NetStream.Publish.BadName', 'taken')
    },
    'NetStream.Publish.BadName',
    0
  ]
]

for (const [how, handler, status, told] of failing) {
  t.test(`a handler that ${how} refuses, and goes no further`, async t => {
    const errors: unknown[] = []
    const peer = new Peer({}, session => {
      session.on('publish', handler as never)
      session.on('handlerError', error => errors.push(error))
    })
    await peer.begins()
    t.same(await peer.asks('publish', 3, [null, 'film'], 1), [`#1 onStatus 0 null ${status}`])
    t.equal(errors.length, told, 'an error, not a refusal, is told')
    t.same(await peer.asks('createStream', 4, [null]), ['_result 4 null 2'], 'and the session goes on')
  })
}

t.test('a handler that fails after it has been answered ends its session', async t => {
  const errors: unknown[] = []
  let fail = () => {}
  const peer = new Peer({}, session => {
    session.on('publish', async publish => {
      publish.accept().resume()
      await new Promise<void>(resolve => {
        fail = resolve
      })
      throw new Error('too late')
    })
    session.on('handlerError', error => errors.push(error))
  })
  await peer.begins()
  t.same(await peer.asks('publish', 3, [null, 'film'], 1), ['#1 onStatus 0 null NetStream.Publish.Start'])
  fail()
  t.same(await peer.hears(), ['end'])
  t.match(errors, [{ message: 'too late' }])
})

t.test(
  'a listener to what the session has no use for that throws or rejects ends the session with that error',
  async t => {
    const listeners: Record<string, (thrown: Error) => unknown> = {
      throws(thrown) {
        throw thrown
      },
      rejects: thrown => Promise.reject(thrown)
    }
    for (const [how, fail] of Object.entries(listeners)) {
      const boom = new Error(how)
      const peer = new Peer({}, session => session.on('message', () => fail(boom)))
      await peer.begins()
      await peer.sends({ type: 19, messageStreamId: 0, timestamp: 0, payload: Buffer.of(0) })
      t.equal(peer.session.closeReason, boom, how)
    }
  }
)

t.test('a decision has its time', async t => {
  const clock = new TestClock()
  const { peer, publishes } = undecided({ clock })
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  clock.pass(9_999)
  t.same(await peer.hears(), [])
  clock.pass(1)
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.Denied'])
  t.throws(() => publishes[0]!.accept(), TypeError)
})

t.test('a peer that leaves in the middle of a decision takes it along', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  peer.wire.destroy()
  peer.session.destroy()
  await peer.hears()
  t.equal(publishes[0]!.signal.aborted, true)
  t.throws(() => publishes[0]!.accept(), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  t.doesNotThrow(() => new LiveStream().input(), 'so nothing is published by it')
})

t.test('a player that leaves ends what was played to it, without an error where that can be told to end', async t => {
  const frames = async function* () {
    for (let i = 0; ; i++) {
      await turnOfTheLoop()
      yield video.frame(i)
    }
  }
  const sources: readonly (readonly [string, (live: LiveStream) => NodeJS.ReadableStream[], string?])[] = [
    ['a player of a live stream', live => [live.player()]],
    [
      'one behind stages',
      live => [live.subscribe(), trackFilter(), stage<Message, Message>((each, push) => void push(each))()]
    ],
    ['another source', () => [Readable.from(frames())], 'ERR_STREAM_PREMATURE_CLOSE']
  ]
  for (const [what, source, code] of sources) {
    for (const isPaused of [false, true]) {
      const { peer, plays } = undecided()
      const live = new LiveStream({ clock: new TestClock() })
      const input = live.input()
      await peer.begins()
      await peer.asks('play', 3, [null, 'film'], 1)
      const ended = new Promise<NodeJS.ErrnoException | null | undefined>(resolve =>
        pipeline([...source(live), plays[0]!.accept()] as Duplex[], resolve)
      )
      await peer.hears()
      if (isPaused) await peer.asks('pause', 0, [null, true, 0], 1)
      for (let i = 0; i < 100; i++) {
        input.write(video.keyframe(i * 40))
        await turnOfTheLoop()
      }
      peer.session.destroy()
      t.equal((await ended)?.code, code, `${what}${isPaused ? ', paused' : ''}`)
      t.equal(live.readers, 0)
      input.end()
    }
  }
})

t.test('a play decided on too late is destroyed, and takes along what was to be played', async t => {
  const late = async (leave: (peer: Peer, clock: TestClock, play: Play) => unknown) => {
    const clock = new TestClock()
    const { peer, plays } = undecided({ clock })
    await peer.begins()
    await peer.asks('play', 3, [null, 'film'], 1)
    await leave(peer, clock, plays[0]!)
    await peer.hears()
    const live = new LiveStream()
    const idle = once(live, 'idle')
    pipeline(live.player(), plays[0]!.accept(), () => {})
    await idle
    t.equal(live.readers, 0)
  }
  await late(peer => peer.session.destroy())
  await late((_, clock) => clock.pass(10_000))
  await late(async (peer, _, play) => {
    play.on('seek', () => {})
    play.accept()
    await peer.hears()
    await peer.asks('seek', 0, [null, 4000], 1)
    peer.session.destroy()
  })
})

t.test('connect may be decided on too', async t => {
  const connects: Connect[] = []
  const peer = new Peer({}, session => session.on('connect', connect => void connects.push(connect)))
  t.same(await peer.asks('connect', 1, [{ ...info, flashVer: 'FMLE/3.0' }, 'extra']), [])
  const [connect] = connects
  t.match(connect, { app: 'live', tcUrl: info.tcUrl, info: { flashVer: 'FMLE/3.0' }, args: ['extra'] })
  connect!.accept({ fourCcList: ['hvc1'] })
  t.same(await peer.hears(), ['_result 1 {} NetConnection.Connect.Success'])
  t.equal(peer.session.connection, connect)
  const refusing = new Peer({}, session => session.on('connect', each => each.reject(undefined, 'not you')))
  t.same(await refusing.asks('connect', 1, [info]), ['_error 1 null NetConnection.Connect.Rejected', 'end'])
  t.equal(refusing.session.connection, undefined)
})

t.test('reject(status, description) has one order, whatever was asked for', async t => {
  const peer = new Peer({}, session => {
    session.on('publish', publish => publish.reject('NetStream.Publish.BadName', 'no such app'))
    session.on('play', play => play.reject('NetStream.Play.StreamNotFound', 'no such app'))
  })
  const said: AmfValue[] = []
  peer.wire.on('data', message => {
    if (!isCommandType(message.type)) return
    const { name, args } = readCommand(message)
    if (name !== '_result') said.push(args[1])
  })
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  await peer.asks('play', 4, [null, 'film'], 1)
  peer.session.destroy()
  const refused = (code: string) => ({ level: 'error', code, description: 'no such app' })
  t.same(said, [refused('NetStream.Publish.BadName'), refused('NetStream.Play.StreamNotFound')])

  const stranger = new Peer({}, session =>
    session.on('connect', connect => connect.reject('NetConnection.Connect.InvalidApp', 'no such app'))
  )
  stranger.wire.on('data', message => said.push(readCommand(message).args[1]))
  await stranger.asks('connect', 1, [info])
  t.same(said.at(-1), refused('NetConnection.Connect.InvalidApp'))
})

t.test('a command out of place ends the session', async t => {
  for (const name of ['createStream', 'publish', 'play', 'deleteStream']) {
    const peer = new Peer()
    await peer.asks(name, 1, [null, 'film'], 1)
    t.match(
      peer.ended?.error,
      { name: 'ProtocolError', code: 'ERR_RTMP_SEQUENCE', layer: 'session' },
      `${name} before connect`
    )
  }
  const peer = await new Peer().begins()
  await peer.asks('connect', 9, [info])
  t.match(peer.ended?.error, { code: 'ERR_RTMP_SEQUENCE' }, 'connect again')
})

t.test('a message stream does one thing at a time', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const messages = collect<Message>(publishes[0]!.accept())
  await peer.hears()
  t.same(await peer.asks('publish', 4, [null, 'other'], 1), ['#1 onStatus 0 null NetStream.Publish.BadName'])
  t.same(await peer.asks('play', 5, [null, 'other'], 1), ['#1 onStatus 0 null NetStream.Play.Failed'])
  for (const name of ['pause', 'seek']) t.same(await peer.asks(name, 0, [null, true, 0], 1), [])
  await peer.sends(video.keyframe(0))
  await peer.asks('closeStream', 0, [null], 1)
  t.same((await messages).map(word), ['v key@0'])
  await peer.asks('publish', 6, [null, 'other'], 1)
  t.equal(publishes.length, 2, 'closed, it may be used again')
})

t.test('message streams are numbered from 1, and are bounded', async t => {
  const peer = new Peer({ limits: { messageStreams: 2 } })
  await peer.asks('connect', 1, [info])
  t.same(await peer.asks('createStream', 2, [null]), ['_result 2 null 1'])
  t.same(await peer.asks('createStream', 3, [null]), ['_result 3 null 2'])
  t.same(await peer.asks('createStream', 4, [null]), ['_error 4 null NetConnection.Call.Failed'])
  await peer.asks('deleteStream', 0, [null, 1])
  t.same(await peer.asks('createStream', 5, [null]), ['_result 5 null 1'])
  t.same(await peer.asks('createStream', 6, [null]), ['_error 6 null NetConnection.Call.Failed'])
})

/** As programs use message streams: the id of createStream's answer or none, of the publish, and of the media. */
const uses: readonly (readonly [created: boolean, publish: number, media: number])[] = [
  [true, 1, 1],
  [true, 0, 1],
  [true, 0, 0],
  [true, 1, 0],
  [true, 1, 2],
  [true, 5, 1],
  [false, 1, 1],
  [false, 0, 0],
  [false, 0, 1]
]

for (const [created, id, mediaId] of uses) {
  t.test(`${created ? '' : 'no '}createStream, publish on ${id}, media on ${mediaId}: it is heard`, async t => {
    const { peer, publishes } = undecided()
    await peer.asks('connect', 1, [info])
    if (created) t.same(await peer.asks('createStream', 2, [null]), ['_result 2 null 1'])
    await peer.asks('publish', 3, [null, 'film'], id)
    const messages = collect<Message>(publishes[0]!.accept())
    const at = id === 0 ? '' : `#${id} `
    t.same(await peer.hears(), [`${at}onStatus 0 null NetStream.Publish.Start`], 'answered where it was asked')
    await peer.sends({ ...video.keyframe(0), messageStreamId: mediaId })
    t.same(await peer.asks('publish', 4, [null, 'other'], 9), ['#9 onStatus 0 null NetStream.Publish.BadName'])
    t.same(await peer.asks('createStream', 5, [null]), [`_result 5 null ${created || id === 1 ? 2 : 1}`])
    await peer.asks('deleteStream', 0, [null, created ? 1 : id])
    t.same((await messages).map(word), ['v key@0'])
    t.equal(peer.ended, undefined)
  })
}

t.test('a play without createStream, and on another id than was given', async t => {
  for (const created of [true, false]) {
    const { peer, plays } = undecided()
    await peer.asks('connect', 1, [info])
    if (created) await peer.asks('createStream', 2, [null])
    await peer.asks('play', 3, [null, 'film'], 7)
    const out = plays[0]!.accept()
    out.write(video.keyframe(0))
    t.same((await peer.hears()).slice(-2), ['#7 onStatus 0 null NetStream.Play.Start', '#7 v key@0'])
    t.same(await peer.asks('pause', 0, [null, true, 0], 0), ['#7 onStatus 0 null NetStream.Pause.Notify'])
    const closed = once(out, 'close')
    await peer.asks('closeStream', 0, [null], 1)
    await closed
  }
})

t.test('of several message streams, the one that fits; where that cannot be told it is said, and the end', async t => {
  const several = async () => {
    const { peer, publishes } = undecided()
    await peer.begins()
    await peer.asks('createStream', 3, [null])
    await peer.asks('publish', 4, [null, 'one'], 1)
    const one = collect<Message>(publishes[0]!.accept())
    await peer.hears()
    return { peer, publishes, one }
  }
  const { peer, publishes, one } = await several()
  await peer.sends({ ...video.keyframe(0), messageStreamId: 2 }, { ...video.frame(40), messageStreamId: 0 })
  await peer.asks('publish', 5, [null, 'two'], 0)
  const two = collect<Message>(publishes[1]!.accept())
  t.same(await peer.hears(), ['onStatus 0 null NetStream.Publish.Start'])
  await peer.sends({ ...video.keyframe(80), messageStreamId: 2 })
  t.same(await peer.sends({ ...video.frame(120), messageStreamId: 0 }), [
    'onStatus 0 null NetStream.Publish.Denied',
    'end'
  ])
  t.same((await one).map(word), ['v key@0', 'v@40'])
  t.same((await two).map(word), ['v key@80'])
  t.match(peer.session.closeReason, { code: 'ERR_RTMP_STRAY' })

  const third = await several()
  await third.peer.asks('createStream', 5, [null])
  t.same(await third.peer.asks('publish', 6, [null, 'two'], 0), ['onStatus 0 null NetStream.Publish.BadName', 'end'])
})

t.test('a message stream that was deleted is not taken for another', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('createStream', 3, [null])
  await peer.asks('deleteStream', 0, [null, 1])
  await peer.asks('publish', 4, [null, 'film'], 2)
  publishes[0]!.accept().resume()
  await peer.hears()
  await peer.asks('deleteStream', 0, [null, 1])
  t.same(await peer.asks('publish', 5, [null, 'film'], 2), ['#2 onStatus 0 null NetStream.Publish.BadName'])
})

t.test('the id of a deleted message stream is given again; late messages do no harm', async t => {
  const { peer, publishes, plays } = undecided()
  await peer.begins()
  t.same(await peer.asks('createStream', 3, [null]), ['_result 3 null 2'])
  await peer.asks('publish', 4, [null, 'film'], 1)
  const film = collect<Message>(publishes[0]!.accept())
  await peer.asks('play', 5, [null, 'other'], 2)
  const other = plays[0]!.accept()
  await peer.hears()
  await peer.sends(video.keyframe(0))

  await peer.asks('deleteStream', 0, [null, 1])
  t.same((await film).map(word), ['v key@0'])
  t.same(await peer.sends(video.frame(40)), [], 'media that was on its way')
  t.same(await peer.asks('createStream', 6, [null]), ['_result 6 null 1'], 'the lowest that is free')
  t.same(await peer.sends(video.frame(80)), [])
  await peer.asks('publish', 7, [null, 'second'], 1)
  const second = collect<Message>(publishes[1]!.accept())
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.Start'])
  await peer.sends(video.keyframe(160))
  await peer.asks('FCUnpublish', 0, [null, 'film'])
  await peer.sends(video.frame(200))

  other.write(video.keyframe(0))
  t.same(await peer.hears(), ['#2 v key@0'])
  await peer.asks('deleteStream', 0, [null, 2])
  other.write(video.frame(40))
  t.same(await peer.asks('createStream', 8, [null]), ['_result 8 null 2'], 'nothing of the old play comes behind it')
  t.same(await peer.asks('pause', 0, [null, true, 0], 2), [], 'nor is anything asked of the new one')
  await peer.asks('deleteStream', 0, [null, 1])
  t.same((await second).map(word), ['v key@160', 'v@200'])
  t.equal(peer.ended, undefined)
})

t.test('media where nothing was granted is counted, and ends who goes on with it', async t => {
  const clock = new TestClock()
  const { peer, publishes } = undecided({ clock, limits: { strayBytes: 1000 } })
  await peer.begins()
  t.same(await peer.sends(video.keyframe(0, 100), { ...video.keyframe(0, 100), messageStreamId: 99 }), [])
  t.equal(peer.ended, undefined, 'some may be on its way when a publish is over')
  await peer.asks('publish', 3, [null, 'film'], 1)
  publishes[0]!.reject()
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.Denied'])
  t.same(await peer.sends(video.keyframe(0, 100)), ['#1 onStatus 0 null NetStream.Publish.Denied', 'end'])
  for (let i = 0; i < 100; i++) peer.wire.write(video.frame(i, 10_000))
  await peer.hears()
  t.ok(peer.wire.writableLength > 50, 'and nothing more is read of it')
  clock.pass(2000)
  await peer.hears()
  t.match(peer.session.closeReason, { code: 'ERR_RTMP_STRAY' })
  t.ok(peer.ended)
  t.equal(clock.timers, 0)
})

t.test('who is refused has time to ask for something else, and is ended', async t => {
  for (const [name, refused] of [
    ['publish', 'NetStream.Publish.Denied'],
    ['play', 'NetStream.Play.Failed']
  ] as const) {
    const clock = new TestClock()
    const peer = await new Peer({ clock }, session => {
      session.on('publish', publish => (publish.name === 'mine' ? publish.accept().resume() : publish.reject()))
      session.on('play', play => play.reject())
    }).begins()
    t.same(await peer.asks(name, 3, [null, 'film'], 1), [`#1 onStatus 0 null ${refused}`])
    clock.pass(9_999)
    t.same(await peer.hears(), [])
    await peer.asks('publish', 4, [null, 'mine'], 1)
    clock.pass(40_000)
    await peer.hears()
    t.equal(peer.ended, undefined, 'it publishes something else')
    await peer.asks('createStream', 5, [null])
    await peer.asks(name, 6, [null, 'film'], 2)
    await peer.sends(video.frame(0))
    clock.pass(30_000)
    t.equal(peer.session.closeReason, undefined, 'and goes on with that, refused elsewhere')
    await peer.asks('closeStream', 0, [null], 1)
    await peer.asks(name, 7, [null, 'film'], 1)
    clock.pass(10_000)
    t.same(await peer.hears(), ['end'])
    t.equal(peer.session.closeReason, 'closed')
  }
})

t.test('aggregates are taken apart', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const messages = collect<Message>(publishes[0]!.accept())
  await peer.hears()
  const part = Buffer.from('0800000200000a00000000af010000000d', 'hex')
  await peer.sends({
    type: 22,
    messageStreamId: 1,
    chunkStreamId: 4,
    timestamp: 100,
    payload: Buffer.concat([part, part])
  })
  peer.wire.end()
  t.same((await messages).map(word), ['a@100', 'a@100'])
})

t.test('an aggregate of many parts waits for its reader too', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const reader = publishes[0]!.accept()
  await peer.hears()
  const part = Buffer.from('0800000200000a00000000af010000000d', 'hex')
  const payload = Buffer.alloc(1000 * part.length, part)
  await peer.sends({ type: 22, messageStreamId: 1, chunkStreamId: 4, timestamp: 100, payload })
  t.ok(reader.readableLength <= 17, `${reader.readableLength} wait`)
  const messages = collect(reader)
  await peer.hears()
  peer.wire.end()
  t.equal((await messages).length, 1000)
})

t.test('a reader that is slow holds the publisher back', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const reader = publishes[0]!.accept()
  await peer.hears()
  let written = 0
  while (peer.wire.write(video.frame(written++, 5000))) await turnOfTheLoop()
  t.ok(written < 200)
  t.ok(reader.readableLength <= 17)
  const messages = collect(reader)
  await new Promise(resolve => peer.wire.once('drain', resolve))
  peer.wire.end()
  t.equal((await messages).length, written)
})

t.test('what came in is still there to be read when the peer has gone', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const reader = publishes[0]!.accept()
  await peer.hears()
  await peer.sends(video.keyframe(0), video.frame(40))
  peer.wire.destroy()
  peer.session.destroy()
  t.same((await collect<Message>(reader)).map(word), ['v key@0', 'v@40'])
})

t.test('a publish the application lets go of is ended, and its peer told', async t => {
  const { peer, publishes } = undecided()
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const reader = publishes[0]!.accept()
  await peer.hears()
  reader.destroy()
  t.same(await peer.hears(), ['#1 onStatus 0 null NetStream.Publish.Denied', 'end'])
})

t.test('a play ends with its message stream', async t => {
  for (const how of ['closeStream', 'deleteStream'] as const) {
    const { peer, plays } = undecided()
    await peer.begins()
    await peer.asks('play', 3, [null, 'film'], 1)
    const out = plays[0]!.accept()
    await peer.hears()
    await (how === 'closeStream' ? peer.asks(how, 0, [null], 1) : peer.asks(how, 0, [null, 1]))
    t.equal(out.destroyed, true, how)
  }
})

t.test('play on a message stream that plays begins anew', async t => {
  const { peer, plays } = undecided()
  await peer.begins()
  await peer.asks('play', 3, [null, 'one'], 1)
  const first = plays[0]!.accept()
  await peer.hears()
  await peer.asks('play', 4, [null, 'two'], 1)
  t.equal(first.destroyed, true)
  plays[1]!.accept()
  t.same((await peer.hears()).at(-1), '#1 onStatus 0 null NetStream.Play.Start')
})

async function playing(prepare: (play: Play) => void = () => {}, acceptance?: PlayAcceptance) {
  const { peer, plays } = undecided()
  await peer.begins()
  await peer.asks('play', 3, [null, 'film'], 1)
  prepare(plays[0]!)
  const out = plays[0]!.accept(acceptance)
  await peer.hears()
  return { peer, play: plays[0]!, out }
}

t.test('paused, it takes nothing more; and goes on where it was', async t => {
  const heard: unknown[] = []
  const { peer, out } = await playing(play => play.on('pause', paused => heard.push(paused)))
  t.same(await peer.asks('pause', 0, [null, true, 100], 1), ['#1 onStatus 0 null NetStream.Pause.Notify'])
  let accepted = 0
  for (let i = 0; i < 6; i++) out.write(video.frame(i), () => accepted++)
  t.same(await peer.hears(), [])
  t.equal(accepted, 0)
  t.same(await peer.asks('pause', 0, [null, false, 100], 1), [
    '#1 onStatus 0 null NetStream.Unpause.Notify',
    ...Array.from({ length: 6 }, (_, i) => `#1 v@${i}`)
  ])
  t.same(heard, [true, false])
})

t.test('tracks are left out as asked; video comes back at a keyframe', async t => {
  const heard: unknown[] = []
  const { peer, out } = await playing(play => {
    play.on('receiveAudio', wanted => heard.push(['audio', wanted]))
    play.on('receiveVideo', wanted => heard.push(['video', wanted]))
  })
  await peer.asks('receiveAudio', 0, [null, false], 1)
  out.write(new MessageBatch([audio.frame(0), video.keyframe(0)]))
  out.write(audio.frame(3))
  t.same(await peer.hears(), ['#1 v key@0'])
  await peer.asks('receiveAudio', 0, [null, true], 1)
  await peer.asks('receiveVideo', 0, [null, false], 1)
  out.write(new MessageBatch([audio.frame(5), video.keyframe(5)]))
  out.write(video.frame(7))
  t.same(await peer.hears(), ['#1 a@5'])
  await peer.asks('receiveVideo', 0, [null, true], 1)
  const another = track(1).keyframe(10)
  for (const message of [video.frame(9), audio.frame(9), another, video.keyframe(11), video.frame(13)])
    out.write(message)
  t.same(await peer.hears(), ['#1 a@9', '#1 v key@11', '#1 v@13'])
  t.same(heard, [
    ['audio', false],
    ['audio', true],
    ['video', false],
    ['video', true]
  ])
})

t.test('each track of video comes back at its own keyframe', async t => {
  const { peer, out } = await playing(() => {}, { tracks: 'all' })
  const other = track(1)
  await peer.asks('receiveVideo', 0, [null, false], 1)
  out.write(new MessageBatch([video.keyframe(0), other.keyframe(0)]))
  await peer.asks('receiveVideo', 0, [null, true], 1)
  out.write(new MessageBatch([video.frame(40), other.frame(40), video.keyframe(80), other.frame(80)]))
  out.write(new MessageBatch([video.frame(120), other.frame(120)]))
  out.write(new MessageBatch([other.keyframe(160), video.frame(160), other.frame(200)]))
  t.same(await peer.hears(), ['#1 v key@80', '#1 v@120', '#1 v1 key@160', '#1 v@160', '#1 v1@200'])
})

t.test('the length of its buffer is told', async t => {
  const heard: unknown[] = []
  const { peer } = await playing(play => play.on('bufferLength', ms => heard.push(ms)))
  await peer.sends(userControlMessage({ kind: 'SetBufferLength', messageStreamId: 1, milliseconds: 3000 }))
  await peer.sends(userControlMessage({ kind: 'SetBufferLength', messageStreamId: 7, milliseconds: 5000 }))
  t.same(heard, [3000, 5000], 'of the one there is, whatever its id')
})

t.test('a seek destroys what was played, and accept gives the next', async t => {
  const sought: number[] = []
  const { peer, play, out } = await playing(each => each.on('seek', ms => sought.push(ms)))
  out.write(video.keyframe(0))
  await peer.hears()
  t.same(await peer.asks('seek', 0, [null, 30_000], 1), ['StreamEof 1', 'StreamBegin 1'])
  t.equal(out.destroyed, true)
  t.same(sought, [30_000])
  play.accept().end(video.keyframe(28_000))
  t.same((await peer.hears()).slice(0, 3), [
    '#1 onStatus 0 null NetStream.Seek.Notify',
    '#1 onStatus 0 null NetStream.Play.Start',
    '#1 v key@28000'
  ])
})

t.test('a seek nobody listens for fails, and playing goes on', async t => {
  const { peer, out } = await playing()
  t.same(await peer.asks('seek', 0, [null, 30_000], 1), ['#1 onStatus 0 null NetStream.Seek.Failed'])
  out.write(video.keyframe(0))
  t.same(await peer.hears(), ['#1 v key@0'])
})

t.test('pings are answered', async t => {
  const peer = await new Peer().begins()
  t.same(await peer.sends(userControlMessage({ kind: 'PingRequest', timestamp: 77 })), ['PingResponse 77'])
})

t.test('a call nobody knows is answered so', async t => {
  const peer = await new Peer().begins()
  t.same(await peer.asks('getClock', 5, [null]), ['_error 5 null NetConnection.Call.Failed'])
  t.same(await peer.asks('getClock', 0, [null]), [])
})

t.test('a session always reads: a player that takes nothing can still say that it stops', async t => {
  const { peer, plays } = undecided()
  await peer.begins()
  await peer.asks('play', 3, [null, 'film'], 1)
  const out = plays[0]!.accept()
  await peer.hears()
  peer.wire.pause()
  while (out.write(video.frame(0, 20_000))) await turnOfTheLoop()
  await peer.asks('deleteStream', 0, [null, 1])
  t.equal(out.destroyed, true)
})

t.test('a peer that asks and takes no answers is ended', async t => {
  const peer = await new Peer({ limits: { replyBytes: 10_000, commandsPerSecond: 100_000 } }).begins()
  peer.wire.pause()
  // streams between us hold up to 64 KiB each before anything waits
  for (let i = 0; i < 10_000 && peer.ended === undefined; i++) {
    const asked = [createCommand('createStream', 10 + i, [null]), createCommand('deleteStream', 0, [null, 2 + i])]
    for (const each of asked) peer.wire.write(commandMessage(each))
    if (i % 50 === 0) await peer.hears()
  }
  t.match(peer.ended?.error, { code: 'ERR_RTMP_REPLIES' })
})

t.test('who says nothing is not waited for', async t => {
  const clock = new TestClock()
  const silent = new Peer({ clock })
  clock.pass(10_000)
  await silent.hears()
  t.match(silent.ended?.error, { code: 'ERR_RTMP_CONNECT_TIMEOUT' }, 'no connect')
  const idle = await new Peer({ clock }).begins()
  clock.pass(10_000)
  await idle.hears()
  t.match(idle.ended?.error, { code: 'ERR_RTMP_CONNECT_TIMEOUT' }, 'no publish or play')
  const busy = undecided({ clock })
  await busy.peer.begins()
  clock.pass(9_999)
  await busy.peer.asks('publish', 3, [null, 'film'], 1)
  busy.publishes[0]!.accept().resume()
  await busy.peer.hears()
  clock.pass(50_000)
  await busy.peer.hears()
  t.equal(busy.peer.ended, undefined)
})

t.test('a publisher that is silent is asked whether it is there, and ended; one that sends is not asked', async t => {
  const clock = new TestClock()
  const { peer, publishes } = undecided({ clock })
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  publishes[0]!.accept().resume()
  await peer.hears()
  for (let i = 1; i < 5; i++) {
    clock.pass(20_000)
    t.same(await peer.sends(video.frame(i)), [], 'OBS answers none, and sends')
  }
  clock.pass(30_000)
  t.same(await peer.hears(), ['PingRequest 110000'])
  clock.pass(29_999)
  await peer.hears()
  t.equal(peer.ended, undefined)
  clock.pass(1)
  await peer.hears()
  t.match(peer.ended?.error, { code: 'ERR_RTMP_IDLE' })
})

t.test('a player that has never answered stays; one that has must answer again, unless it has paused', async t => {
  const clock = new TestClock()
  const { peer, plays } = undecided({ clock })
  await peer.begins()
  await peer.asks('play', 3, [null, 'film'], 1)
  plays[0]!.accept()
  await peer.hears()
  clock.pass(600_000)
  t.same(
    (await peer.hears()).map(heard => heard.replace(/\d+/, '')),
    Array(20).fill('PingRequest ')
  )
  await peer.sends(userControlMessage({ kind: 'PingResponse', timestamp: 600_000 }))
  await peer.asks('pause', 0, [null, true, 0], 1)
  clock.pass(600_000)
  t.same(await peer.hears(), [])
  await peer.asks('pause', 0, [null, false, 0], 1)
  clock.pass(60_000)
  await peer.hears()
  t.match(peer.ended?.error, { code: 'ERR_RTMP_IDLE' })
})

t.test('where no wire tells of bytes, each message is a sign of life', async t => {
  const clock = new TestClock()
  const session = serverSession({ clock })
  const ended = once(session, 'error')
  session.on('publish', publish => void publish.accept().resume())
  session.resume()
  session.write(createCommand('connect', 1, [info]))
  session.write(createCommand('createStream', 2, [null]))
  session.write(createCommand('publish', 3, [null, 'film'], { messageStreamId: 1 }))
  for (let i = 0; i < 8; i++) await turnOfTheLoop()
  for (let i = 0; i < 10; i++) {
    session.write(video.frame(i))
    clock.pass(30_000)
  }
  t.equal(session.destroyed, false)
  // a message is only noticed at the next look
  clock.pass(75_000)
  t.match(await ended, [{ code: 'ERR_RTMP_IDLE' }])
})

t.test('so many commands a second, and as many in the next', async t => {
  const clock = new TestClock()
  const peer = await new Peer({ clock, limits: { commandsPerSecond: 10 } }).begins()
  for (let second = 0; second < 3; second++) {
    clock.pass(1000)
    for (let i = 0; i < 10; i++) await peer.asks('later', 0, [null])
  }
  t.equal(peer.ended, undefined)
  await peer.asks('later', 0, [null])
  t.match(peer.ended?.error, { code: 'ERR_RTMP_COMMANDS' })
})

t.test('a session that is closed says its last words, and lingers no longer than it may', async t => {
  const clock = new TestClock()
  const { peer, publishes } = undecided({ clock })
  await peer.begins()
  await peer.asks('publish', 3, [null, 'film'], 1)
  const messages = collect(publishes[0]!.accept())
  await peer.hears()
  peer.session.close()
  t.same(await messages, [])
  t.same(await peer.hears(), ['end'])
  clock.pass(2_000)
  await peer.hears()
  t.ok(peer.ended)
  t.equal(peer.session.destroyed, true)
})

t.test('no timer is left of a session that has ended', async t => {
  const clock = new TestClock()
  for (const end of [
    (peer: Peer) => peer.wire.end(),
    (peer: Peer) => peer.wire.destroy(),
    (peer: Peer) => peer.session.destroy()
  ]) {
    const { peer, publishes } = undecided({ clock })
    await peer.begins()
    await peer.asks('publish', 3, [null, 'film'], 1)
    publishes[0]!.accept().resume()
    await peer.hears()
    end(peer)
    peer.session.destroy()
    peer.wire.destroy()
    await peer.hears()
  }
  t.equal(clock.timers, 0)
})

t.test('a live stream from one session to another', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const serve = (session: ServerSession) => {
    session.on('publish', publish => void publish.accept().pipe(live.input()))
    session.on('play', play => void live.player().pipe(play.accept()))
  }
  const player = await new Peer({}, serve).begins()
  await player.asks('play', 3, [null, 'film'], 1)
  const encoder = await new Peer({}, serve).begins()
  await encoder.asks('publish', 3, [null, 'film'], 1)
  await encoder.sends(metadata(), video.header(), audio.header(), video.keyframe(0), audio.frame(3), video.frame(40))
  t.same((await player.hears()).slice(-6), [
    '#1 onMetaData {}',
    '#1 v header@0',
    '#1 a header@0',
    '#1 v key@0',
    '#1 a@3',
    '#1 v@40'
  ])
  const second = await new Peer({}, serve).begins()
  t.same(await second.asks('publish', 3, [null, 'film'], 1), ['#1 onStatus 0 null NetStream.Publish.BadName'])
  live.end()
  for (const peer of [player, encoder, second]) peer.session.destroy()
})

t.test('who reads along with the wire misses no media', async t => {
  const live = new LiveStream({ clock: new TestClock(), mergeMs: 0 })
  const input = live.input()
  input.write(video.keyframe(0))
  const serve = (session: ServerSession) => session.on('play', play => void live.player().pipe(play.accept()))
  const player = await new Peer({}, serve).begins()
  const said: string[] = []
  player.session.on('data', item => said.push('batch' in item ? word((item as AddressedBatch).batch.messages[0]!) : ''))
  await player.asks('play', 3, [null, 'film'], 1)
  input.write(video.frame(40))
  t.equal((await player.hears()).at(-1), '#1 v@40')
  t.same(said.filter(Boolean), ['v key@0', 'v@40'])
  live.end()
  player.session.destroy()
})

t.test('a session that is piped into a stage gives it single messages, and no batches', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const input = live.input()
  const session = serverSession()
  const said: Message[] = []
  const spy = stage<Message, Message>(message => void said.push(message))()
  session.pipe(spy)
  session.on('play', play => void live.player().pipe(play.accept()))
  session.write(createCommand('connect', 1, [info]))
  session.write(createCommand('createStream', 2, [null]))
  session.write({ ...createCommand('play', 3, [null, 'film']), messageStreamId: 1 })
  for (let i = 0; i < 20; i++) await turnOfTheLoop()
  input.write(video.keyframe(0))
  input.write(audio.frame(3))
  input.write(video.frame(40))
  await turnOfTheLoop()
  t.same(said.slice(-3).map(word), ['v key@0', 'a@3', 'v@40'])
  live.end()
  session.destroy()
})

t.test('commands may come in place of their messages', async t => {
  const session = serverSession()
  const said: Message[] = []
  session.on('data', message => said.push(message))
  await new Promise(resolve => session.write(createCommand('connect', 1, [info]), resolve))
  await turnOfTheLoop()
  t.equal(said[0]?.type, 20)
  session.destroy()
})

const ofType = (type: number, text = 'x'): Message => ({
  type,
  messageStreamId: 0,
  chunkStreamId: 3,
  timestamp: 0,
  payload: Buffer.from(text)
})

t.test(
  'messages it has no use for are told, or counted and dropped: shared objects, types that nobody knows',
  async t => {
    const peer = await new Peer().begins()
    await peer.sends(ofType(19), ofType(16), ofType(7), ofType(255))
    t.equal(peer.session.stats().unknownMessages, 4)
    t.equal(peer.session.destroyed, false)
    const told: Message[] = []
    peer.session.on('message', message => told.push(message))
    await peer.sends(ofType(19, 'shared'), ofType(7))
    t.match(told, [
      { type: 19, payload: Buffer.from('shared') },
      { type: 7, messageStreamId: 0 }
    ])
    t.equal(peer.session.stats().unknownMessages, 4, 'what is told is not counted')
    // what steers a chunk stream is done with below, where a wire by hand lets it through
    for (const type of [1, 2, 3, 5, 6]) peer.session.write(ofType(type))
    await peer.hears()
    t.equal(told.length, 2)
  }
)

t.test('so are user control events, of which only those of unknown types count', async t => {
  const { peer, plays } = undecided()
  await peer.begins()
  const bufferLength = userControlMessage({ kind: 'SetBufferLength', messageStreamId: 1, milliseconds: 9 })
  const unknown = userControlMessage({ kind: 'Unknown', eventType: 42, data: Buffer.of(1) })
  await peer.sends(bufferLength, unknown)
  t.equal(peer.session.stats().unknownMessages, 1)
  const told: unknown[] = []
  peer.session.on('userControl', event => told.push(event))
  await peer.asks('play', 3, [null, 'film'], 1)
  plays[0]!.accept()
  await peer.hears()
  const ping = userControlMessage({ kind: 'PingRequest', timestamp: 7 })
  const empty = userControlMessage({ kind: 'BufferEmpty', messageStreamId: 1 })
  t.same(await peer.sends(ping, bufferLength, empty, unknown), ['PingResponse 7'])
  t.same(told, [
    { kind: 'BufferEmpty', messageStreamId: 1 },
    { kind: 'Unknown', eventType: 42, data: Buffer.of(1) }
  ])
})

t.test("a command of the application's own is told, with a way to answer it", async t => {
  const peer = await new Peer().begins()
  t.same(await peer.asks('whatIsThis', 3, [null]), ['_error 3 null NetConnection.Call.Failed'])
  const throws: unknown[] = []
  peer.session.on('command', ({ name, args }, answer) => {
    if (name === 'add') setImmediate(() => answer(Number(args[1]) + Number(args[2])))
    if (name === 'refuse') answer(new Refused('NetConnection.Call.BadValue', 'not today'))
    if (name === 'note') answer(null)
    if (name !== 'twice') return
    answer(1)
    try {
      answer(2)
    } catch (error) {
      throws.push(error)
    }
  })
  t.same(await peer.asks('add', 4, [null, 2, 3]), ['_result 4 null 5'])
  t.same(await peer.asks('refuse', 5, [null]), ['_error 5 null NetConnection.Call.BadValue'])
  t.same(await peer.asks('note', 0, [null]), [], 'it wants no answer')
  t.same(await peer.asks('silence', 6, [null]), [], 'whoever listens answers')
  t.same(await peer.asks('twice', 7, [null]), ['_result 7 null 1'])
  t.match(throws, [{ name: 'TypeError', message: 'twice was answered already' }])
})

t.test("its numbers: the wire's, what waits, what is published and played, what was dropped, since when", async t => {
  const clock = new TestClock()
  const { peer, publishes, plays } = undecided({ clock })
  clock.pass(30)
  await peer.begins()
  const wire = { bytesIn: 7000, bytesOut: 8000, messagesIn: 70, messagesOut: 80 }
  Object.defineProperty(peer.near, 'counters', { value: wire, configurable: true })
  t.same(peer.session.stats(), {
    ...wire,
    waiting: 0,
    publishing: 0,
    playing: 0,
    strayMessages: 0,
    unknownMessages: 0,
    uptimeMs: 30
  })
  await peer.asks('createStream', 3, [null])
  await peer.sends({ ...audio.frame(0), messageStreamId: 1 })
  await peer.asks('publish', 4, [null, 'film'], 1)
  publishes[0]!.accept().resume()
  await peer.hears()
  await peer.asks('play', 5, [null, 'film'], 2)
  plays[0]!.accept()
  await peer.hears()
  t.match(peer.session.stats(), { publishing: 1, playing: 1, strayMessages: 1 })
  t.same([peer.session.publishing, peer.session.playing], [[publishes[0]], [plays[0]]])
  peer.session.destroy()
  await peer.hears()
  t.match(peer.session.stats(), { ...wire, publishing: 0, playing: 0 }, 'and when it is over')
  t.same([peer.session.publishing, peer.session.playing, peer.session.id], [[], [], 0])
  const alone = serverSession({ clock })
  t.match(alone.stats(), { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0 }, 'of no wire there are none')
  alone.destroy()
})
