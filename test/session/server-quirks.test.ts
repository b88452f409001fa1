import { once } from 'node:events'
import net from 'node:net'
import { type Duplex, duplexPair, PassThrough, pipeline as piped } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  type AmfValue,
  type Command,
  clientSession,
  commandMessage,
  connect,
  createCommand,
  dataMessage,
  EcmaArray,
  type Message,
  messageWire,
  type Playing,
  userControlMessage,
  writeAmf0
} from 'rtmpipe'
import t from 'tap'
import { collect } from '../support/collect.ts'
import { hex } from '../support/hex.ts'
import { audio, metadata, video, word } from '../support/media.ts'
import { ServerPeer } from '../support/peer.ts'

/**
 * What servers do that others do not, or that stands in no book: each with who does it. Our client passes through, or ends with
 * the right error.
 */

const success = { level: 'status', code: 'NetConnection.Connect.Success' }

/** A session that is connecting. */
async function connecting(options = {}) {
  const peer = new ServerPeer(options)
  const connected = peer.session.connect({ app: 'live' })
  connected.catch(() => {})
  await peer.hears()
  return { peer, connected }
}

/** A session that has asked to publish on message stream `id`. */
async function publishing(peer: ServerPeer, id: AmfValue = 1) {
  const published = peer.session.publish('film')
  published.catch(() => {})
  await peer.hears()
  return { published, heard: await peer.answers(4, null, id) }
}

/** A session that has asked to play on message stream `id`. */
async function playing(peer: ServerPeer, id: AmfValue = 1) {
  const played = peer.session.play('film')
  played.catch(() => {})
  await peer.hears()
  await peer.answers(2, null, id)
  return { played }
}

const begun = () => new ServerPeer().begins()
const onStream = (message: Message, messageStreamId = 1): Message => ({ ...message, messageStreamId })
const words = async (film: Playing) => (await collect<Message>(film)).map(word)

t.test('commands', async t => {
  t.test('a name and nothing behind it: onFCPublish of FFmpeg -listen (rtmpproto.c)', async t => {
    const peer = await begun()
    const heard = once(peer.session, 'command')
    const { published } = await publishing(peer)
    await peer.sends({ ...commandMessage(createCommand('', 0, [])), payload: writeAmf0('onFCPublish') })
    t.match(await heard, [{ name: 'onFCPublish', transactionId: 0, args: [] }])
    await peer.says('NetStream.Publish.Start')
    await published
  })

  t.test(
    'much ahead of the answer to connect: StreamBegin (FFmpeg -listen), a ping, onBWDone, what nobody knows',
    async t => {
      const { peer, connected } = await connecting()
      const heard = await peer.sends(
        userControlMessage({ kind: 'StreamBegin', messageStreamId: 0 }),
        userControlMessage({ kind: 'PingRequest', timestamp: 7 }),
        commandMessage(createCommand('onBWDone', 0, [null, 8192])),
        commandMessage(createCommand('setPeerInfo', 0, [null, '127.0.0.1']))
      )
      t.same(heard, ['PingResponse 7'])
      await peer.answers(1, {}, success)
      t.match(await connected, success)
    }
  )

  t.test('_result with nothing to say, with more than there is to say, as ECMA arrays', async t => {
    // SRS adds an ECMA array to the information
    const answers: [AmfValue[], object][] = [
      [[], {}],
      [[null, null], {}],
      [[undefined], {}],
      [[{ fmsVer: 'FMS/3,5,7,7009' }, success, 'more', null, 7], success],
      [[new EcmaArray({}), new EcmaArray({ ...success, data: new EcmaArray({ version: '3,5,7,7009' }) })], success]
    ]
    for (const [args, information] of answers) {
      const { peer, connected } = await connecting()
      await peer.answers(1, ...args)
      t.match(await connected, information)
    }
  })

  t.test('_result whose information says no', async t => {
    const { peer, connected } = await connecting()
    await peer.answers(1, null, { level: 'error', code: 'NetConnection.Connect.InvalidApp', description: 'none' })
    await t.rejects(connected, {
      code: 'ERR_RTMP_REFUSED',
      status: 'NetConnection.Connect.InvalidApp',
      description: 'none'
    })
  })

  t.test('_error with its information first, or with none', async t => {
    const refusals: [AmfValue[], string][] = [
      [[{ level: 'error', code: 'NetConnection.Connect.Rejected' }], 'NetConnection.Connect.Rejected'],
      [[], 'NetConnection.Call.Failed'],
      [[null, 'no'], 'NetConnection.Call.Failed'],
      [[null, { code: 7 }], 'NetConnection.Call.Failed']
    ]
    for (const [args, status] of refusals) {
      const { peer, connected } = await connecting()
      await peer.asks('_error', 1, args)
      await t.rejects(connected, { code: 'ERR_RTMP_REFUSED', status })
    }
  })

  t.test('_error and the end at once, as AMS refuses: what it said counts, not that it left', async t => {
    const { peer, connected } = await connecting()
    const args = [null, { level: 'error', code: 'NetConnection.Connect.Rejected', description: '[ AccessManager ]' }]
    peer.wire.end(commandMessage(createCommand('_error', 1, args)))
    await t.rejects(connected, {
      code: 'ERR_RTMP_REFUSED',
      status: 'NetConnection.Connect.Rejected',
      description: '[ AccessManager ]'
    })
  })

  t.test(
    'sent elsewhere: AMS by _error, SRS by an onStatus once it knows the stream (SrsRtmpServer::redirect)',
    async t => {
      const ex = { code: 302, redirect: 'rtmp://elsewhere/live', redirect2: 'rtmp://elsewhere/live/film' }
      const information = {
        level: 'error',
        code: 'NetConnection.Connect.Rejected',
        description: 'RTMP 302 Redirect',
        ex
      }
      const { peer, connected } = await connecting()
      await peer.asks('_error', 1, [null, information])
      await t.rejects(connected, {
        code: 'ERR_RTMP_REFUSED',
        status: 'NetConnection.Connect.Rejected',
        information: { ex }
      })
      const other = await begun()
      const { published } = await publishing(other)
      await other.asks('onStatus', 0, [null, information])
      await t.rejects(published, {
        code: 'ERR_RTMP_REFUSED',
        status: 'NetConnection.Connect.Rejected',
        information: { ex }
      })
      t.ok(other.session.destroyed)
    }
  )

  t.test('an answer to another transaction, or to none, is no answer', async t => {
    for (const transactionId of [0, 2, 1.5]) {
      const { peer, connected } = await connecting({ timeoutMs: 500 })
      await peer.answers(transactionId, {}, success)
      await peer.asks('_error', transactionId, [null, { code: 'NetConnection.Connect.Rejected' }])
      peer.clock.pass(500)
      await t.rejects(connected, { code: 'ERR_RTMP_ANSWER_TIMEOUT' })
    }
  })

  t.test('two answers to one connect: the first', async t => {
    const { peer, connected } = await connecting()
    await peer.answers(1, null, { ...success, description: 'one' })
    await peer.answers(1, null, { ...success, description: 'two' })
    await peer.asks('_error', 1, [null, { code: 'NetConnection.Connect.Rejected' }])
    t.match(await connected, { description: 'one' })
    t.equal(peer.ended, undefined)
  })

  t.test(
    'releaseStream, FCPublish and deleteStream answered with _error: AMS, for a stream it does not know',
    async t => {
      const peer = await begun()
      const published = peer.session.publish('film')
      await peer.hears()
      for (const transactionId of [2, 3]) await peer.asks('_error', transactionId, [null, { level: 'error' }])
      await peer.answers(4, null, 1)
      await peer.says('NetStream.Publish.Start')
      const film = await published
      film.end(video.keyframe(0))
      t.same(await peer.hears(), ['#1 v key@0', 'FCUnpublish 6 null film', 'deleteStream 7 null 1'])
      for (const transactionId of [6, 7]) await peer.asks('_error', transactionId, [null, { level: 'error' }])
      t.equal(peer.ended, undefined)
    }
  )

  t.test('three words to FCUnpublish, behind the end: SRS (SrsRtmpServer::fmle_unpublish)', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.says('NetStream.Publish.Start')
    ;(await published).end()
    await peer.hears()
    await peer.asks('onFCUnpublish', 0, [null, { code: 'NetStream.Unpublish.Success' }], 1)
    await peer.answers(6, null, undefined)
    await peer.says('NetStream.Unpublish.Success')
    t.equal(peer.ended, undefined)
  })

  t.test('commands of type 17, with the byte that selects the format and without (errata 7.2)', async t => {
    const of17 = (asked: Command, hasSelector: boolean) => {
      const message = commandMessage({ ...asked, encoding: 3 })
      return hasSelector ? message : { ...message, payload: message.payload.subarray(1) }
    }
    for (const hasSelector of [true, false]) {
      const { peer, connected } = await connecting()
      await peer.sends(of17(createCommand('_result', 1, [null, success]), hasSelector))
      t.match(await connected, success)
      const published = peer.session.publish('film')
      await peer.hears()
      await peer.sends(of17(createCommand('_result', 4, [null, 1]), hasSelector))
      const status = createCommand('onStatus', 0, [null, { code: 'NetStream.Publish.Start' }], { messageStreamId: 1 })
      await peer.sends(of17(status, hasSelector))
      await published
    }
  })

  t.test('close, upon which librtmp leaves', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.asks('close', 0, [null])
    await t.rejects(published, { code: 'ERR_RTMP_REFUSED', status: 'NetConnection.Connect.Closed' })
    t.ok(peer.session.destroyed)
  })

  t.test('NetConnection.Connect.Closed as a mere status, and the end: AMS', async t => {
    const peer = await begun()
    const called = peer.session.call('never')
    called.catch(() => {})
    const status = once(peer.session, 'status')
    const args = [null, { level: 'status', code: 'NetConnection.Connect.Closed' }]
    peer.wire.end(commandMessage(createCommand('onStatus', 0, args)))
    t.match(await status, [{ code: 'NetConnection.Connect.Closed' }])
    await t.rejects(called, { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  })

  t.test('a procedure that answers nothing', async t => {
    const peer = await begun()
    const called = peer.session.call('setName', 'x')
    await peer.hears()
    await peer.answers(2)
    t.equal(await called, undefined)
  })
})

t.test('message streams', async t => {
  t.test('createStream gives 0, 2, or the last there is', async t => {
    // 0: GStreamer refuses it; 2: FFmpeg -listen avoids it (rtmpproto.c)
    for (const id of [0, 2, 0xffffffff]) {
      const peer = await begun()
      const { published, heard } = await publishing(peer, id)
      t.same(heard, [`${id === 0 ? '' : `#${id} `}publish 5 null film live`])
      await peer.says('NetStream.Publish.Start', id)
      ;(await published).write(video.keyframe(0))
      t.same(await peer.hears(), [`${id === 0 ? '' : `#${id} `}v key@0`])
    }
  })

  t.test('createStream gives what 32 bits do not hold, or nothing', async t => {
    for (const id of [-1, 1.5, Number.NaN, 2 ** 32, '1', true, null, {}, { __proto__: null }] as AmfValue[]) {
      const peer = await begun()
      const { published, heard } = await publishing(peer, id)
      await t.rejects(published, {
        code: 'ERR_RTMP_REFUSED',
        status: 'NetConnection.Call.Failed',
        description: /server answered createStream/
      })
      t.same(heard, [])
      t.equal(peer.ended, undefined)
    }
  })

  t.test('createStream gives 1 every time: SRS (SRS_DEFAULT_SID), lal', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.says('NetStream.Publish.Start')
    const film = await published
    const second = peer.session.play('other')
    second.catch(() => {})
    await peer.hears()
    await peer.answers(6, null, 1)
    await t.rejects(second, {
      code: 'ERR_RTMP_REFUSED',
      status: 'NetConnection.Call.Failed',
      description: 'server assigned message stream 1 twice'
    })
    film.write(video.keyframe(0))
    t.same(await peer.hears(), ['#1 v key@0'], 'the first goes on')
    film.end()
    await peer.hears()
    const third = peer.session.play('other')
    await peer.hears()
    await peer.answers(9, null, 1)
    await peer.says('NetStream.Play.Start')
    await third
  })

  t.test('createStream answered with _error', async t => {
    const peer = await begun()
    const played = peer.session.play('film')
    played.catch(() => {})
    await peer.hears()
    await peer.asks('_error', 2, [null, { level: 'error', code: 'NetConnection.Call.Failed' }])
    await t.rejects(played, { code: 'ERR_RTMP_REFUSED', status: 'NetConnection.Call.Failed' })
    t.equal(peer.ended, undefined)
  })

  t.test('statuses of a stream on message stream 0: ZLMediaKit (issue 4002); GStreamer never starts then', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.says('NetStream.Publish.Start', 0)
    const film = await published
    const failed = once(film, 'error')
    await peer.says('NetStream.Publish.Denied', 0, 'error')
    t.match(await failed, [{ status: 'NetStream.Publish.Denied' }])
    t.equal(peer.ended, undefined, 'which is not the end of the connection')
  })

  t.test('a status on message stream 0, where there are two it may be of, is of neither', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    const played = peer.session.play('other')
    played.catch(() => {})
    await peer.hears()
    await peer.answers(6, null, 2)
    const status = once(peer.session, 'status')
    await peer.says('NetStream.Publish.Start', 0)
    t.match(await status, [{ code: 'NetStream.Publish.Start' }])
    peer.clock.pass(10_000)
    await t.rejects(published, { code: 'ERR_RTMP_ANSWER_TIMEOUT' })
  })

  t.test(
    'media on message stream 0, and the commands of a publisher behind it: FFmpeg -listen, where it is played',
    async t => {
      const peer = await begun()
      const { played } = await playing(peer)
      await peer.says('NetStream.Play.Start')
      const film = await played
      const read = words(film)
      await peer.sends(...[metadata(), video.keyframe(0), audio.frame(5)].map(message => onStream(message, 0)))
      await peer.asks('FCUnpublish', 0, [null, 'film'])
      await peer.asks('deleteStream', 0, [null, 0])
      t.same(await read, ['meta@0', 'v key@0', 'a@5'])
    }
  )
})

t.test('publish', async t => {
  t.test('refused by an _error to its transaction, as any command may be (RTMP 1.0, 7.2.1.2)', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    const heard = await peer.asks('_error', 5, [null, { level: 'error', code: 'NetStream.Publish.BadName' }])
    t.same(heard, ['deleteStream 6 null 1'])
    await t.rejects(published, { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.BadName' })
  })

  t.test('a status with its information first, where the command object should be', async () => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.asks('onStatus', 0, [{ level: 'status', code: 'NetStream.Publish.Start' }], 1)
    await published
  })

  t.test('a status that says nothing', async () => {
    const peer = await begun()
    const { published } = await publishing(peer)
    for (const args of [[], [null], [null, null], [null, {}], [null, { code: 7 }], ['NetStream.Publish.Start']]) {
      await peer.asks('onStatus', 0, args, 1)
      await peer.asks('onStatus', 0, args)
    }
    await peer.says('NetStream.Publish.Start')
    await published
  })

  t.test('started twice', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.says('NetStream.Publish.Start')
    const film = await published
    await peer.says('NetStream.Publish.Start')
    film.write(video.keyframe(0))
    t.same(await peer.hears(), ['#1 v key@0'])
  })

  for (const [what, then, isOneRead] of [
    ['denied', 'NetStream.Publish.Denied', false],
    ['denied, in one read', 'NetStream.Publish.Denied', true],
    ['the end', undefined, false]
  ] as const) {
    t.test(`started, and in the same breath ${what}`, async t => {
      const peer = await begun()
      const published = peer.session.publish('film').then(film => pipeline(new PassThrough({ objectMode: true }), film))
      published.catch(() => {})
      await peer.hears()
      await peer.answers(4, null, 1)
      const status = (code: string, level: string) =>
        commandMessage(createCommand('onStatus', 0, [null, { level, code }], { messageStreamId: 1 }))
      const said = [status('NetStream.Publish.Start', 'status'), ...(then ? [status(then, 'error')] : [])]
      // as a wire hands over what one read has brought
      if (isOneRead) for (const each of said) peer.session.takeNow(each) || peer.session.write(each)
      else for (const each of said) peer.wire.write(each)
      if (then === undefined) peer.wire.end()
      await t.rejects(published, { code: then === undefined ? 'ERR_RTMP_PREMATURE_CLOSE' : 'ERR_RTMP_REFUSED' })
    })
  }

  t.test('pings while we publish are answered, between frames: nginx-rtmp, every minute', async t => {
    const peer = await begun()
    const { published } = await publishing(peer)
    await peer.says('NetStream.Publish.Start')
    const film = await published
    film.write(video.keyframe(0))
    peer.wire.write(userControlMessage({ kind: 'PingRequest', timestamp: 0xffffffff }))
    await peer.hears().then(heard => t.same(heard.sort(), ['#1 v key@0', 'PingResponse 4294967295']))
    film.write(video.frame(40))
    t.same(await peer.hears(), ['#1 v@40'])
  })
})

t.test('play', async t => {
  t.test('started with Play.Start alone: no StreamBegin, no Play.Reset', async () => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    await played
  })

  t.test('|RtmpSampleAccess and metadata ahead of Play.Start: they are the first of what is read', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    const access = dataMessage(['|RtmpSampleAccess', true, true], { messageStreamId: 1 })
    await peer.sends(access, onStream(metadata()))
    const film = await played
    const status = once(film, 'status')
    await peer.says('NetStream.Play.Start')
    t.match(await status, [{ code: 'NetStream.Play.Start' }])
    const read = collect<Message>(film)
    await peer.says('NetStream.Play.Stop')
    t.same(
      (await read).map(({ payload }) => payload),
      [access.payload, metadata().payload]
    )
  })

  t.test('onStatus as data, NetStream.Data.Start: AMS and SRS; it is read as data', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    const start = dataMessage(['onStatus', { code: 'NetStream.Data.Start' }], { messageStreamId: 1 })
    await peer.sends(start)
    t.match((await played).read(), { payload: start.payload })
  })

  t.test('refused by an _error to its transaction', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.asks('_error', 3, [null, { level: 'error', code: 'NetStream.Play.StreamNotFound' }])
    await t.rejects(played, { code: 'ERR_RTMP_REFUSED', status: 'NetStream.Play.StreamNotFound' })
  })

  t.test('over before it has begun: an empty file', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Stop')
    t.same(await words(await played), [])
  })

  t.test('over while a seek waits, for it was behind the end', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    const film = await played
    const { timers } = peer.clock
    const sought = film.seek(60_000)
    sought.catch(() => {})
    await peer.says('NetStream.Play.Stop')
    await t.rejects(sought, { code: 'ERR_RTMP_PREMATURE_CLOSE' })
    t.equal(peer.clock.timers, timers)
  })

  t.test('Play.Stop and the end behind the last frame: a clean end', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    const read = words(await played)
    const stop = createCommand('onStatus', 0, [null, { level: 'status', code: 'NetStream.Play.Stop' }], {
      messageStreamId: 1
    })
    peer.wire.write(onStream(video.keyframe(0)))
    peer.wire.end(commandMessage(stop))
    t.same(await read, ['v key@0'])
  })

  t.test('a warning ends nothing: NetStream.Play.InsufficientBW of AMS', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    const film = await played
    const status = once(film, 'status')
    await peer.says('NetStream.Play.InsufficientBW', 1, 'warning')
    t.match(await status, [{ code: 'NetStream.Play.InsufficientBW' }])
    await peer.sends(onStream(video.keyframe(0)))
    t.equal(word(film.read() as Message), 'v key@0')
  })

  t.test(
    'user control events of no specification: 31 and 32 of AMS, SWF verification, unknown ones, cut ones',
    async t => {
      const peer = await begun()
      const { played } = await playing(peer)
      await peer.says('NetStream.Play.Start')
      const film = await played
      const heard = await peer.sends(
        userControlMessage({ kind: 'BufferEmpty', messageStreamId: 1 }),
        userControlMessage({ kind: 'BufferReady', messageStreamId: 1 }),
        userControlMessage({ kind: 'StreamDry', messageStreamId: 1 }),
        userControlMessage({ kind: 'StreamIsRecorded', messageStreamId: 9 }),
        userControlMessage({ kind: 'SwfVerificationRequest' }),
        userControlMessage({ kind: 'PingResponse', timestamp: 1 }),
        ...[hex`0022 00000001`, hex`0006 00`, hex`00`, hex``, hex`ffff`].map(payload => ({
          ...userControlMessage({ kind: 'BufferEmpty', messageStreamId: 1 }),
          payload
        })),
        onStream(video.keyframe(0))
      )
      t.same(heard, [], 'none is answered')
      t.equal(word(film.read() as Message), 'v key@0')
    }
  )

  t.test('an Aggregate, as AMS sends recordings: its parts', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    const tag = (type: string, timestamp: string, body: string) =>
      hex`${type} 000003 ${timestamp} 00 000000 ${body} 0000000e`
    const payload = Buffer.concat([tag('09', '000000', '170100'), tag('08', '000017', 'af0155')])
    await peer.sends({ ...onStream(video.keyframe(1000)), type: 22, payload })
    const film = await played
    t.same(
      [film.read(), film.read()].map(each => word(each as Message)),
      ['v key@1000', 'a@1023']
    )
  })

  t.test('shared objects and types that nobody has given a meaning are passed over', async t => {
    const peer = await begun()
    const { played } = await playing(peer)
    await peer.says('NetStream.Play.Start')
    for (const type of [0, 7, 16, 19, 21, 255]) await peer.sends({ ...onStream(video.keyframe(0)), type })
    const meta = { ...onStream(metadata()), type: 15, payload: Buffer.concat([hex`00`, metadata().payload]) }
    await peer.sends(meta)
    t.match((await played).read(), { type: 15, payload: meta.payload }, 'data of type 15 is data')
    t.equal(peer.ended, undefined)
  })
})

/** A session of ours that is connecting, and the bytes of its peer. */
function bytewise() {
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const session = clientSession()
  const wire = messageWire(near, { role: 'client' })
  piped([wire, session, wire], () => {})
  const connected = session.connect({ app: 'live' })
  connected.catch(() => {})
  t.teardown(() => session.destroy())
  return { session, connected, far }
}

/** The first chunk of a message: format 0, or 1 which leaves the message stream out. */
const chunk = (
  type: number,
  payload: Buffer,
  { format = 0, chunkStreamId = 3, timestamp = 0, first = payload.length } = {}
) =>
  Buffer.concat([
    Buffer.of((format << 6) | chunkStreamId),
    hex`${timestamp.toString(16).padStart(6, '0')} ${payload.length.toString(16).padStart(6, '0')}`,
    Buffer.of(type, ...(format === 0 ? [0, 0, 0, 0] : [])),
    payload.subarray(0, first)
  ])

const granted = commandMessage(createCommand('_result', 1, [null, success])).payload
const packet = (version: number, fill = 0x5a) => {
  const bytes = Buffer.alloc(1536, fill)
  bytes.writeUInt32BE(version, 4)
  return bytes
}

t.test('handshakes', async t => {
  const s0 = hex`03`
  const handshakes: [string, ...(Buffer | 'C2')[]][] = [
    ['S1 of version 0 and an S2 that is no echo', s0, packet(0), packet(0, 1)],
    ['S1 of a version that promises a digest, and has none', s0, packet(0x03_05_01_01), packet(0)],
    ['S0, S1 and S2 in three', s0, packet(0), packet(0)],
    ['S2 once C2 has come', s0, packet(0), 'C2', packet(0)],
    ['S2 and what follows in one', Buffer.concat([s0, packet(0), packet(0)])]
  ]
  for (const [what, ...sent] of handshakes) {
    t.test(what, async () => {
      const { connected, far } = bytewise()
      let heard = 0
      far.on('data', (bytes: Buffer) => {
        heard += bytes.length
      })
      for (const bytes of sent) {
        if (typeof bytes !== 'string') far.write(bytes)
        else while (heard < 3073) await once(far, 'data')
      }
      far.write(chunk(20, granted))
      await connected
    })
  }
})

t.test('chunks', async t => {
  const acknowledgement = (sequence: string) => chunk(3, hex`${sequence}`, { chunkStreamId: 2 })
  const long = commandMessage(createCommand('_result', 1, [{ fmsVer: 'x'.repeat(300) }, success])).payload
  const begins = [
    chunk(20, long, { first: 128 }),
    chunk(1, hex`00001000`, { chunkStreamId: 2 }),
    Buffer.concat([hex`c3`, long.subarray(128)])
  ]
  const streams: [string, ...Buffer[]][] = [
    ['every chunk stream begun with format 1: rtmpsrv', chunk(20, granted, { format: 1 })],
    ['commands on chunk stream 2, controls on 3', chunk(5, hex`002625a0`), chunk(20, granted, { chunkStreamId: 2 })],
    [
      'controls with a timestamp: FFmpeg, Flash 9',
      chunk(5, hex`002625a0`, { chunkStreamId: 2, timestamp: 16_275_007 }),
      chunk(4, hex`0000 00000000`, { chunkStreamId: 2, timestamp: 16_275_007 }),
      chunk(20, granted)
    ],
    ['Set Chunk Size between two chunks of a message', ...begins],
    [
      'Abort of a chunk stream that has nothing, and of one that has: tcserver',
      chunk(2, hex`00000005`, { chunkStreamId: 2 }),
      chunk(20, long, { first: 128 }),
      chunk(2, hex`00000003`, { chunkStreamId: 2 }),
      chunk(20, granted)
    ],
    ['Acknowledgements of what came since the last, not of all', ...Array(9).fill(acknowledgement('00000400'))],
    [
      'Acknowledgements past 2^32 and back: any server, after 4 GiB',
      acknowledgement('fffffff0'),
      acknowledgement('00000010')
    ],
    ['windows of nothing', chunk(5, hex`00000000`), chunk(6, hex`00000000 02`), chunk(6, hex`ffffffff 07`)],
    ['controls that are longer than their fields', chunk(5, hex`002625a0 00`), chunk(6, hex`002625a0 02 00`)]
  ]
  for (const [what, ...sent] of streams) {
    t.test(what, async () => {
      const { connected, far } = bytewise()
      far.resume()
      far.write(Buffer.concat([hex`03`, packet(0), packet(0), ...sent]))
      if (!sent.some(bytes => bytes.includes('_result'))) far.write(chunk(20, granted))
      await connected
    })
  }

  t.test('what is none is a typed end', async t => {
    const wrong: [string, Buffer, { code: string; layer?: string }][] = [
      ['a chunk size of 0', chunk(1, hex`00000000`), { code: 'ERR_RTMP_CHUNK_SIZE', layer: 'chunk' }],
      ['a command that is none', chunk(20, hex`05`), { code: 'ERR_RTMP_COMMAND', layer: 'message' }],
      ['AMF3 that is none', chunk(17, hex`00 11 12`), { code: 'ERR_RTMP_AMF_MARKER', layer: 'amf' }],
      ['the end in a message', chunk(20, granted, { first: 9 }), { code: 'ERR_RTMP_PREMATURE_CLOSE' }]
    ]
    for (const [what, sent, error] of wrong) {
      const { connected, far } = bytewise()
      far.resume()
      far.end(Buffer.concat([hex`03`, packet(0), packet(0), sent]))
      await t.rejects(connected, error, what)
    }
  })
})

t.test('a server that breaks off without a FIN: each who waits hears it', async t => {
  const server = net.createServer(socket => {
    const far = messageWire(socket, { role: 'server' })
    far.on('error', () => {})
    far.once('data', () => {
      far.write(commandMessage(createCommand('_result', 1, [null, success])))
      far.once('data', () => socket.resetAndDestroy())
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const session = await connect(`rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}/live`)
  await t.rejects(session.publish('film'), { code: /ECONNRESET|ERR_RTMP_PREMATURE_CLOSE/ })
  await t.rejects(session.call('more'), { code: 'ERR_RTMP_PREMATURE_CLOSE' })
})
