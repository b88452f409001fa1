import { createHash } from 'node:crypto'
import { isSequenceHeader, type Message, writeAmf0 } from 'rtmpipe'

const message = (type: number, timestamp: number, payload: Buffer): Message => ({
  type,
  messageStreamId: 1,
  chunkStreamId: type === 9 ? 6 : type === 8 ? 4 : 5,
  timestamp,
  payload
})

/** The messages of a stream of H.264 and AAC, as an encoder sends them; `size` is that of the payload. */
export const video = {
  header: (timestamp = 0, fill = 1): Message => message(9, timestamp, Buffer.of(0x17, 0, 0, 0, 0, fill)),
  keyframe: (timestamp: number, size = 100): Message => message(9, timestamp, filled(0x17, size)),
  frame: (timestamp: number, size = 100): Message => message(9, timestamp, filled(0x27, size))
}

/** Another track of video, as FFmpeg 8 sends it: Enhanced, of HEVC, a packet for it alone. */
export const track = (id: number): Record<'header' | 'keyframe' | 'frame', (timestamp: number) => Message> => {
  const packet = (first: string, kind: number) => (timestamp: number) =>
    message(9, timestamp, Buffer.from(`${first}0${kind}687663310${id}000000`, 'hex'))
  return { header: packet('96', 0), keyframe: packet('96', 1), frame: packet('a6', 1) }
}

export const audio = {
  header: (timestamp = 0): Message => message(8, timestamp, Buffer.of(0xaf, 0, 0x12, 0x10)),
  frame: (timestamp: number, size = 20): Message => message(8, timestamp, filled(0xaf, size))
}

export const metadata = (timestamp = 0, properties = {}): Message =>
  message(18, timestamp, writeAmf0('onMetaData', properties))

/** Data that is a moment, as captions are. */
export const caption = (timestamp: number): Message => message(18, timestamp, writeAmf0('onTextData', { text: 'a' }))

/** A stream of `seconds`, without metadata: a keyframe each second, and audio. */
export const stream = (seconds: number): Message[] => [
  video.header(),
  audio.header(),
  ...Array.from({ length: seconds }, (_, at) => at * 1000).flatMap(at => [
    video.keyframe(at),
    audio.frame(at + 20),
    video.frame(at + 500),
    audio.frame(at + 520)
  ])
]

function filled(first: number, size: number): Buffer {
  const payload = Buffer.alloc(size, 0x61)
  payload[0] = first
  payload[1] = 1
  return payload
}

/** A message in a word: what it is, and when. */
export function word({ type, timestamp, payload }: Message): string {
  if (type === 18) return `${payload.includes('onTextData') ? 'caption' : 'meta'}@${timestamp}`
  if (type !== 8 && type !== 9) return `type ${type}`
  const id = type === 9 && (payload[0]! & 0x8f) === 0x86 ? payload[6]! : ''
  const kind = payload[1] === 0 ? 'header' : type === 8 ? '' : [0x17, 0x96].includes(payload[0]!) ? 'key' : ''
  return `${type === 8 ? 'a' : 'v'}${id}${kind && ` ${kind}`}@${timestamp}`
}

/**
 * The audio and the video of a stream, each in its order, every byte of it. A player has sequence headers at the time it begins at, and
 * may have them again.
 */
export function byKind(messages: readonly Message[]): Record<'audio' | 'video', string[]> {
  const of = (type: number) => {
    const texts = messages.filter(message => message.type === type).map(whole)
    return texts.filter((text, at) => !text.startsWith('header') || texts.indexOf(text) === at)
  }
  return { audio: of(8), video: of(9) }
}

const whole = (message: Message): string => {
  const digest = createHash('md5').update(message.payload).digest('hex')
  return `${isSequenceHeader(message) ? 'header' : message.timestamp} ${message.payload.length} ${digest}`
}
