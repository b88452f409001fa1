import type { Message } from '../../message/message.ts'
import { readCodecConfig } from '../config/codec-config.ts'
import { readStreamMetadata } from '../stream-metadata.ts'
import { isAudio } from '../tags/audio-tag.ts'
import { audioCodec, videoCodec } from '../tags/codec.ts'
import { isVideo } from '../tags/video-tag.ts'

/** What is known of a track. */
export interface TrackDescription {
  /** The codec by its name: see videoCodec and audioCodec. */
  readonly codec: string
  /** The codec in full, as MSE and HLS take it, by the sequence header or the sound: see readCodecConfig. */
  readonly codecString: string | undefined
  /** Pixels, by the sequence header or the keyframe, else by the metadata; undefined where none tells, and of audio. */
  readonly width: number | undefined
  /** Pixels, as `width`. */
  readonly height: number | undefined
  /** Hertz, by the sequence header or the sound, else by the metadata; undefined where none tells, and of video. */
  readonly sampleRate: number | undefined
  /** Channels, as `sampleRate`. */
  readonly channels: number | undefined
}

/** What the state and the first frame of a stream tell of its only track of this kind. */
export function describedTrack(kind: 'video' | 'audio', messages: readonly Message[]): TrackDescription {
  const configs = messages.flatMap(readCodecConfig).filter(config => config.kind === kind)
  const metadata = messages.flatMap(message => readStreamMetadata(message)?.[kind].get(0) ?? [])
  const told: Partial<TrackDescription>[] = [...configs, ...metadata]
  const first = <Name extends keyof TrackDescription>(name: Name) => told.find(each => each[name] !== undefined)?.[name]
  const codecs = messages.map(message => (kind === 'video' ? videoCodecOf(message) : audioCodecOf(message)))
  return {
    codec: codecs.find(codec => codec !== undefined) ?? '',
    codecString: first('codecString'),
    width: first('width'),
    height: first('height'),
    sampleRate: first('sampleRate'),
    channels: first('channels')
  }
}

const videoCodecOf = (message: Message) => (isVideo(message) ? videoCodec(message.payload) : undefined)
const audioCodecOf = (message: Message) => (isAudio(message) ? audioCodec(message.payload) : undefined)
