import type { AudioPacketType, SoundFormat } from './audio-tag.ts'
import type { VideoCodecId, VideoFrameType, VideoPacketType } from './video-tag.ts'

/** A modifier of an Enhanced payload (Enhanced RTMP v2, "VideoPacketModExType" and "AudioPacketModExType"). */
export interface ModEx {
  /** 4 bits: 0 is an offset in nanoseconds, see timestampNanos; others are reserved. */
  readonly type: number
  /** 1 to 65,536 bytes. */
  readonly data: Buffer
}

/** The track of a Multitrack packet. */
export interface TagTrack {
  /** 0 to 255. By convention 0 is the track that most players should choose. */
  readonly trackId: number
  /** The codec, four characters: `hvc1`, `Opus`. */
  readonly fourCc: string
}

/** A video packet of a codec, without the header that says which. */
export type VideoPacket =
  | {
      /** The packet type. */
      readonly packetType: typeof VideoPacketType.CodedFrames
      /** Milliseconds from decoding to presentation, 24 bits, signed. 0 for codecs without it: all but AVC, HEVC, VVC. */
      readonly compositionTime: number
      /** The frame. */
      readonly data: Buffer
    }
  | {
      /** Any other: 0, 2 to 5, and 8 to 15, which are reserved. */
      readonly packetType: Exclude<PacketTypeBits, typeof VideoPacketType.CodedFrames | 6 | 7>
      /**
       * SequenceStart: the decoder configuration record. CodedFramesX: a frame with composition time 0. Metadata: values in
       * AMF, see readColorInfo. Mpeg2TsSequenceStart: a video descriptor.
       */
      readonly data: Buffer
    }

/** The values of 4 bits. */
type PacketTypeBits = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15

/** A video payload with the header of FLV 10.1 (E.4.3). */
export type LegacyVideoTag = {
  /** Which form it is. */
  readonly form: 'legacy'
  /** Any but Command. */
  readonly frameType: VideoFrameType
  /** The codec. */
  readonly codecId: VideoCodecId
} & LegacyVideoPacket

/** Codecs without packet types have CodedFrames alone, with composition time 0. */
export type LegacyVideoPacket =
  | {
      /** The packet type. */
      readonly packetType: typeof VideoPacketType.CodedFrames
      /** As of VideoPacket. */
      readonly compositionTime: number
      /** The frame. */
      readonly data: Buffer
    }
  | {
      /** The packet type. */
      readonly packetType: typeof VideoPacketType.SequenceStart | typeof VideoPacketType.SequenceEnd
      /** SequenceStart: the decoder configuration record. */
      readonly data: Buffer
    }

/** A command instead of video: 0 and 1 are the start and the end of a seek on the client's side. */
export type VideoCommandTag = {
  /** Which form it is. */
  readonly form: 'command'
  /** 8 bits. */
  readonly command: number
} & (
  | {
      /** Which header it has. */
      readonly enhanced: false
      /** Meaningless: the low bits of the first byte. */
      readonly codecId: VideoCodecId
    }
  | {
      /** Which header it has. */
      readonly enhanced: true
      /** Meaningless: the low bits behind ModEx. Any but Metadata and ModEx. */
      readonly packetType: VideoPacketType
      /** Its modifiers, in order. */
      readonly modEx: readonly ModEx[]
    }
)

/** A video payload of one track, with a FourCC (Enhanced RTMP v2, "ExVideoTagHeader"). */
export type EnhancedVideoTag = {
  /** Which form it is. */
  readonly form: 'enhanced'
  /** Meaningless in Metadata. */
  readonly frameType: VideoFrameType
  /** Its modifiers, in order. */
  readonly modEx: readonly ModEx[]
  /** The codec, four characters. */
  readonly fourCc: string
} & VideoPacket

/** A video payload with the ids of its tracks (Enhanced RTMP v2, "Multitrack"). */
export interface MultitrackVideoTag {
  /** Which form it is. */
  readonly form: 'multitrack'
  /** See VideoFrameType. */
  readonly frameType: VideoFrameType
  /** Its modifiers, in order. */
  readonly modEx: readonly ModEx[]
  /** See MultitrackType. */
  readonly multitrackType: 0 | 1 | 2
  /** 1 to 256, all with the same packet type; of OneTrack 1; of OneTrack and ManyTracks all with the same FourCC. */
  readonly tracks: readonly (TagTrack & VideoPacket)[]
}

/** A video payload, whole. Members that all forms have in common mean the same. */
export type VideoTag = LegacyVideoTag | VideoCommandTag | EnhancedVideoTag | MultitrackVideoTag

/** The speakers of channels (Enhanced RTMP v2, "AudioChannelOrder"). */
export type MultichannelConfig = {
  /** 0 to 255. */
  readonly channelCount: number
} & (
  | {
      /** Unspecified. */
      readonly channelOrder: 0
    }
  | {
      /** Native: in the order of the bits of a mask. */
      readonly channelOrder: 1
      /** The mask of the speakers, 32 bits ("AudioChannelMask"). */
      readonly channelFlags: number
    }
  | {
      /** Custom. */
      readonly channelOrder: 2
      /** The speaker of each channel ("AudioChannel"), as many as `channelCount`. */
      readonly channelMapping: readonly number[]
    }
)

/** An audio packet of a codec, without the header that says which. */
export type AudioPacket =
  | ({ readonly packetType: typeof AudioPacketType.MultichannelConfig } & MultichannelConfig)
  | {
      /** Any other: 0 to 2, and those that are reserved. */
      readonly packetType: Exclude<PacketTypeBits, typeof AudioPacketType.MultichannelConfig | 5 | 7>
      /** SequenceStart: what the decoder needs first. CodedFrames: the sound. */
      readonly data: Buffer
    }

/** An audio payload with the header of FLV 10.1 (E.4.2). */
export interface LegacyAudioTag {
  /** Which form it is. */
  readonly form: 'legacy'
  /** The codec, which is not ExHeader: that is the form 'enhanced' or 'multitrack'. */
  readonly soundFormat: SoundFormat
  /** 0: 5.5 kHz, 1: 11 kHz, 2: 22 kHz, 3: 44 kHz. Of AAC always 3, whatever its rate. */
  readonly soundRate: number
  /** Bits of a sample. */
  readonly soundSize: 8 | 16
  /** Channels. Of AAC always 2, however many it has. */
  readonly soundType: 1 | 2
  /** AAC has SequenceStart too, other codecs CodedFrames alone. */
  readonly packetType: typeof AudioPacketType.SequenceStart | typeof AudioPacketType.CodedFrames
  /** The AudioSpecificConfig of a SequenceStart; else the sound. */
  readonly data: Buffer
}

/** An audio payload of one track, with a FourCC (Enhanced RTMP v2, "ExAudioTagHeader"). */
export type EnhancedAudioTag = {
  /** Which form it is. */
  readonly form: 'enhanced'
  /** Its modifiers, in order. */
  readonly modEx: readonly ModEx[]
  /** The codec, four characters. */
  readonly fourCc: string
} & AudioPacket

/** An audio payload with the ids of its tracks (Enhanced RTMP v2, "Multitrack"). */
export interface MultitrackAudioTag {
  /** Which form it is. */
  readonly form: 'multitrack'
  /** Its modifiers, in order. */
  readonly modEx: readonly ModEx[]
  /** See MultitrackType. */
  readonly multitrackType: 0 | 1 | 2
  /** As of MultitrackVideoTag. */
  readonly tracks: readonly (TagTrack & AudioPacket)[]
}

/** An audio payload, whole. `silence` is a payload without bytes: what is buffered is played, and then nothing. */
export type AudioTag = { readonly form: 'silence' } | LegacyAudioTag | EnhancedAudioTag | MultitrackAudioTag
