import { dataMessage, EcmaArray, LiveStream, liveMetadata, type Message, readData, TypedObject, Vector } from 'rtmpipe'
import t from 'tap'
import { hex } from '../support/hex.ts'
import { audio, video } from '../support/media.ts'

const described = { width: 160, videocodecid: 7, encoder: 'obs-output module' }
const ofFile = {
  duration: 0,
  fileSize: 0,
  lasttimestamp: 10,
  hasKeyframes: true,
  canSeekToEnd: true,
  keyframes: { times: [0, 1], filepositions: [900, 25000] }
}

t.test('live metadata loses what only a file can know, whatever it is wrapped in', async t => {
  for (const of of [(all: object) => all, (all: object) => new EcmaArray(all as never)] as const) {
    for (const name of [['onMetaData'], ['@setDataFrame', 'onMetaData']]) {
      const message = dataMessage([...name, of({ ...described, ...ofFile }) as never], { timestamp: 7 })
      t.same(liveMetadata(message), dataMessage([...name, of(described) as never], { timestamp: 7 }))
    }
  }
  const typed = dataMessage(['onMetaData', new TypedObject('Meta', { ...ofFile, width: 1 })])
  t.same(readData(liveMetadata(typed))[1], new TypedObject('Meta', { width: 1 }))
})

t.test('a message without such properties is returned as it is', async t => {
  const messages: Message[] = [
    dataMessage(['onMetaData', described]),
    dataMessage(['onMetaData']),
    dataMessage(['onTextData', ofFile]),
    { ...dataMessage([]), payload: hex`02 000a 6f6e4d65746144617461 03 0008 6475726174696f6e` },
    { ...dataMessage([]), payload: hex`` },
    audio.frame(0),
    video.keyframe(0)
  ]
  for (const message of messages) t.equal(liveMetadata(message), message)
})

t.test('metadata of type 15 goes out in AMF0, without what AMF0 cannot express', async t => {
  const options = { encoding: 3, timestamp: 3 } as const
  t.same(
    liveMetadata(dataMessage(['@setDataFrame', 'onMetaData', { ...described, ...ofFile }], options)),
    dataMessage(['@setDataFrame', 'onMetaData', described], { timestamp: 3 })
  )
  const bytes = { ...described, cover: Buffer.of(1, 2), cues: new Vector(Int32Array.of(1)) }
  t.same(
    liveMetadata(dataMessage(['onMetaData', bytes], options)),
    dataMessage(['onMetaData', described], { timestamp: 3 })
  )
  const untold = dataMessage(['onMetaData', Buffer.of(1)], options)
  t.equal(liveMetadata(untold), untold, 'and stays as it is where nothing is left')
})

t.test('a stream tells its readers no duration, size or index', async t => {
  const live = new LiveStream({ holdMs: 0 })
  const read = live.subscribe()
  const input = live.input()
  input.write(dataMessage(['@setDataFrame', 'onMetaData', { ...described, ...ofFile }]))
  for (const message of [video.header(), video.keyframe(0)]) input.write(message)
  input.end()
  live.end()
  const [first] = (await read.toArray()) as Message[]
  t.same(readData(first!), ['onMetaData', described])
})
