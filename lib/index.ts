/**
 * rtmpipe: the RTMP family of protocols as Node streams.
 *
 *             publishers · players · proxies · recorders · gateways          examples/
 *   6  doors   createServer  connect  proxy  pushLive  pullLive    rtmpipe: lib/app, of the public parts alone
 *   5  session serverSession  clientSession                    sees only Duplex<Message>
 *  -----------------------------------------------------------------  the waist: Message
 *   4  wires   messageWire(bytes)  flows of rtmfp, rtws  flv file   each yields and accepts Messages
 *                |  mirror(messageChunker, . , messageAssembler)
 *                |  windowAcknowledger          (a layer over a Duplex of Chunks)
 *                |  mirror(chunkEncoder,   . , chunkDecoder)
 *                |  handshakeStream             (a layer over a Duplex of bytes)
 *                |  tcp · tls · any Duplex
 *   3  stages  one Transform or one layer a file, over; LiveStream, the fan-out
 *   2  joints  Stage Layer chain mirror tap duplex             knows no protocol; the only door to pumpify
 *   1  codecs  handshake chunk message media flv rtmfp rtws    pure: bytes <-> values, no streams, no clock
 *   0  ground  bytes  amf  crypto                              values and buffers
 *
 * @module rtmpipe
 */

// ground
export type { AmfReaderOptions } from './amf/amf-bounds.ts'
export {
  AmfDate,
  type AmfObject,
  type AmfValue,
  Dictionary,
  EcmaArray,
  ExternalizableObject,
  type ObjectTraits,
  propertiesOf,
  TypedObject,
  unsupported,
  Vector,
  Xml,
  XmlDocument
} from './amf/amf-value.ts'
export { Amf0Reader, readAmf0 } from './amf/amf0-reader.ts'
export { Amf0Writer, type Amf0WriterOptions, writeAmf0 } from './amf/amf0-writer.ts'
export { Amf3Reader, readAmf3 } from './amf/amf3-reader.ts'
export { Amf3Writer, writeAmf3 } from './amf/amf3-writer.ts'
// sessions
export { type AdobeProof, adobeResponse } from './auth/adobe.ts'
export { type AuthenticateOptions, authenticate } from './auth/authenticate.ts'
export { type LlnwProof, llnwResponse } from './auth/llnw.ts'
export { nextAuthQuery } from './auth/next-auth-query.ts'
export type { AuthClaim } from './auth/scheme.ts'
export type { AuthSchemeName } from './auth/schemes.ts'
// codecs
export { BatchChunks } from './chunk/batch-chunks.ts'
export type { Chunk, ChunkFormat, ChunkHeader, LimitType, ProtocolControl } from './chunk/chunk.ts'
// stages and layers
export { ChunkDecoder, type ChunkDecoderOptions, chunkDecoder } from './chunk/chunk-decoder.ts'
export { ChunkEncoder, chunkEncoder } from './chunk/chunk-encoder.ts'
export { ChunkReader, type ChunkReaderOptions } from './chunk/chunk-reader.ts'
export { ChunkWriter } from './chunk/chunk-writer.ts'
export { MessageAssembler, type MessageAssemblerOptions, messageAssembler } from './chunk/message-assembler.ts'
export { MessageChunker, type MessageChunkerOptions, messageChunker } from './chunk/message-chunker.ts'
export { MessageReader, type MessageReaderOptions } from './chunk/message-reader.ts'
export { MessageWriter, type MessageWriterOptions } from './chunk/message-writer.ts'
export {
  abortMessage,
  acknowledgement,
  protocolControlMessage,
  readProtocolControl,
  setChunkSize,
  setPeerBandwidth,
  windowAcknowledgementSize
} from './chunk/protocol-control.ts'
export { WindowAcknowledger, type WindowAcknowledgerOptions, windowAcknowledger } from './chunk/window-acknowledger.ts'
export { type ConnectOptions, connect } from './client.ts'
export { type Clock, systemClock } from './clock.ts'
export type { DiagnosedRequest, DiagnosticsChannels, EngagedMessage, RequestOutcome } from './diagnostics.ts'
export {
  errorCodes,
  type LayerName,
  ProtocolError,
  type ProtocolErrorFields,
  Refused,
  RtmpError,
  type RtmpErrorCode,
  type Truncated
} from './errors.ts'
export { type FixedFlv, type FixFlvOptions, fixFlv } from './fix-flv.ts'
export { FlvDecoder, type FlvDecoderEvents, type FlvDecoderOptions, flvDecoder } from './flv/flv-decoder.ts'
export { FlvEncoder, type FlvEncoderOptions, flvEncoder } from './flv/flv-encoder.ts'
export { FlvFile, type FlvFileOptions, flvFile } from './flv/flv-file.ts'
export { FlvReader, type FlvReaderOptions, type FlvResync, type PreviousTagSizeMismatch } from './flv/flv-reader.ts'
export { type FlvMark, FlvRecording, type FlvRecordingOptions } from './flv/flv-recording.ts'
export type { FlvFacts, FlvPatch } from './flv/flv-summary.ts'
export type { FlvTracks } from './flv/flv-tag.ts'
export { FlvWriter, type FlvWriterOptions } from './flv/flv-writer.ts'
export { goLiveAnswer } from './go-live/go-live-answer.ts'
export {
  type GoLiveAudio,
  type GoLiveAudioTracks,
  type GoLiveConfiguration,
  type GoLiveEndpoint,
  type GoLiveLadder,
  type GoLiveMeta,
  type GoLiveStatus,
  type GoLiveVideo,
  readGoLiveConfiguration,
  readGoLiveLadder
} from './go-live/go-live-configuration.ts'
export { GoLiveError, type GoLiveErrorFields } from './go-live/go-live-error.ts'
export {
  type GoLiveCanvas,
  type GoLiveCapabilities,
  type GoLiveClient,
  type GoLiveFrameRate,
  type GoLiveGpu,
  type GoLivePreferences,
  type GoLiveRequest,
  readGoLiveRequest
} from './go-live/go-live-request.ts'
export { goLiveStreamUrl } from './go-live/go-live-stream-url.ts'
export { ClientHandshake, type ClientHandshakeOptions } from './handshake/client-handshake.ts'
export type { Ciphers, Encryption } from './handshake/encryption.ts'
export { Handshake, type HandshakeOptions, type HandshakeStep } from './handshake/handshake.ts'
export type { HandshakeStreamEvents } from './handshake/handshake-layer.ts'
export {
  HandshakeStream,
  type HandshakeStreamOptions,
  handshakeStream
} from './handshake/handshake-stream.ts'
export type { DigestScheme } from './handshake/packets.ts'
export { ServerHandshake, type ServerHandshakeOptions } from './handshake/server-handshake.ts'
export { type SwfHash, swfHash } from './handshake/swf.ts'
export type { FlvRequestOptions } from './http/flv-requests.ts'
export { FlvTags } from './http/flv-tags.ts'
export { type GoLiveHandler, type GoLiveLadders, type GoLiveOptions, goLive } from './http/go-live.ts'
export { type GoLiveConfigurationOptions, goLiveConfiguration } from './http/go-live-client.ts'
export { type HttpFlvHandler, type HttpFlvOptions, httpFlv } from './http/http-flv.ts'
export { HttpPlay, type HttpPlayAcceptance, type HttpPlayKind } from './http/http-play.ts'
export { defaultLimits, type Limits } from './limits.ts'
export type { LiveReader, LiveReaderEvents } from './live/live-cursor.ts'
export type { LiveReaderStats, LiveStreamStats } from './live/live-stats.ts'
export {
  type CursorOptions,
  type InputOptions,
  LiveStream,
  type LiveStreamEvents,
  type LiveStreamOptions,
  type SubscribeOptions
} from './live/live-stream.ts'
export {
  type ListedStream,
  type LivePlayOptions,
  LiveStreams,
  type LiveStreamsEvents,
  type LiveStreamsOptions
} from './live/live-streams.ts'
export { type AddressedBatch, type BatchEncoder, MessageBatch } from './live/message-batch.ts'
export { MessageRing, type MessageRingOptions, type RingEntry } from './live/message-ring.ts'
export { TrackChooser, trackChooser } from './live/track-chooser.ts'
export type { AudioFormat } from './media/config/audio.ts'
export { type AudioConfig, type CodecConfig, readCodecConfig, type VideoConfig } from './media/config/codec-config.ts'
export type { Chroma, ColorDescription, VideoFormat } from './media/config/video-format.ts'
export {
  type Gap,
  KeyframeGate,
  type KeyframeGateEvents,
  type KeyframeGateOptions,
  keyframeGate
} from './media/keyframe-gate.ts'
export { isMedia, isMetadata, isSequenceHeader, MediaState } from './media/media-state.ts'
export { Pace, type PaceOptions, pace } from './media/pace.ts'
export { StartAt, type StartAtOptions, startAt } from './media/start-at.ts'
export {
  type AudioMetadata,
  readStreamMetadata,
  type StreamMetadata,
  type VideoMetadata
} from './media/stream-metadata.ts'
export {
  AudioPacketType,
  type AudioTagHeader,
  isAudio,
  readAudioTagHeader,
  SoundFormat
} from './media/tags/audio-tag.ts'
export { readAudioTag } from './media/tags/audio-tag-reader.ts'
export { writeAudioTag } from './media/tags/audio-tag-writer.ts'
export { audioCodec, videoCodec } from './media/tags/codec.ts'
export { type ColorInfo, readColorInfo, type TrackColorInfo } from './media/tags/color-info.ts'
export type {
  AudioPacket,
  AudioTag,
  EnhancedAudioTag,
  EnhancedVideoTag,
  LegacyAudioTag,
  LegacyVideoPacket,
  LegacyVideoTag,
  ModEx,
  MultichannelConfig,
  MultitrackAudioTag,
  MultitrackVideoTag,
  TagTrack,
  VideoCommandTag,
  VideoPacket,
  VideoTag
} from './media/tags/tag-forms.ts'
export { MultitrackType, type TagHeader } from './media/tags/tag-header.ts'
export { timestampNanos, withTimestampNanos } from './media/tags/timestamp-nanos.ts'
export {
  isKeyframe,
  isVideo,
  readVideoTagHeader,
  VideoCodecId,
  VideoFrameType,
  VideoPacketType,
  type VideoTagHeader
} from './media/tags/video-tag.ts'
export { readVideoTag, type VideoTagOptions } from './media/tags/video-tag-reader.ts'
export { writeVideoTag } from './media/tags/video-tag-writer.ts'
export { Tap, type TapEvents, type TapGap, type TapOptions, tap } from './media/tap.ts'
export type { Repair } from './media/timestamp-mender.ts'
export {
  TimestampRepair,
  type TimestampRepairEvents,
  type TimestampRepairOptions,
  timestampRepair
} from './media/timestamp-repair.ts'
export type { AudioStats, VideoStats } from './media/track-counts.ts'
export { TrackFilter, type TrackSelection, trackFilter } from './media/track-filter.ts'
export { chooseTracks, type TrackChoice, type TrackIds } from './media/tracks/choose-tracks.ts'
export { joinTracks, type TrackSource } from './media/tracks/join-tracks.ts'
export { type SplitTrack, SplitTracks, type SplitTracksOptions, splitTracks } from './media/tracks/split-tracks.ts'
export type { TrackDescription } from './media/tracks/track-description.ts'
export { withTrackId } from './media/tracks/with-track-id.ts'
export { type BudgetHolder, MemoryBudget, type MemoryBudgetOptions } from './memory-budget.ts'
export { readAggregate } from './message/aggregate.ts'
export { AmfCommandParser, type AmfCommandParserOptions, amfCommandParser } from './message/amf-command-parser.ts'
export { AmfCommandSerializer, amfCommandSerializer } from './message/amf-command-serializer.ts'
export type { ObjectEncoding } from './message/body.ts'
export {
  type Command,
  commandMessage,
  createCommand,
  errorCommand,
  isCommand,
  isCommandType,
  onStatus,
  readCommand,
  resultCommand,
  type TransactionId
} from './message/command.ts'
export { CommandRewriter, type CommandRewrites, commandRewriter } from './message/command-rewriter.ts'
export { dataMessage, isDataType, readData, unwrapped, wrapped } from './message/data.ts'
export {
  type ChunkStreamId,
  isMessage,
  isProtocolControlType,
  type Message,
  type MessageStreamId,
  MessageTypeId
} from './message/message.ts'
export { liveMetadata } from './message/metadata.ts'
export {
  readUserControlEvent,
  type UserControlEvent,
  UserControlEventType,
  userControlMessage
} from './message/user-control-event.ts'
export { type ProxyOptions, proxy } from './proxy.ts'
export { type PullOptions, pullLive } from './pull-live.ts'
export { type PushOptions, pushLive } from './push-live.ts'
export { type RecordPathOptions, safeRecordPath } from './record-path.ts'
export {
  type RecordOptions,
  type RecordRolledOptions,
  record,
  recordRolled
} from './recording.ts'
// front doors
export {
  type Attempt,
  type RecordedFile,
  Relay,
  type RelayEvents,
  type RelayOptions,
  type RelayState,
  type Retry
} from './relay.ts'
export { createServer, Server, type ServerEvents, type ServerOptions } from './server.ts'
export {
  Capabilities,
  type CapabilitiesOptions,
  type CodecAbilities,
  type CodecAbility
} from './session/capabilities.ts'
export {
  ClientSession,
  type ClientSessionEvents,
  type ClientSessionOptions,
  clientSession,
  type Peer,
  type PlayOptions,
  type PublishOptions
} from './session/client-session.ts'
export { Connect } from './session/connect.ts'
export {
  type CloseReason,
  type CommandAnswer,
  NetConnection,
  type NetConnectionEvents,
  type NetConnectionOptions
} from './session/net-connection.ts'
export { Play, type PlayAcceptance, type PlayEvents } from './session/play.ts'
export { Playing, type PlayingEvents } from './session/playing.ts'
export { Publish } from './session/publish.ts'
export { Publishing, type PublishingEvents } from './session/publishing.ts'
export type { ReconnectOptions, ReconnectRequest } from './session/reconnect-request.ts'
export { Request } from './session/request.ts'
export {
  ServerSession,
  type ServerSessionEvents,
  type ServerSessionOptions,
  serverSession
} from './session/server-session.ts'
export type { SessionStats } from './session/session-stats.ts'
export type { StreamPath } from './session/stream-path.ts'
export {
  SessionHost,
  type SessionHostEvents,
  type SessionHostOptions,
  type SessionHostStats
} from './session-host.ts'
export type { CallStatus, ConnectStatus, PlayStatus, PublishStatus, Status, StatusLevel } from './status.ts'
// joints
export { chain } from './stream/chain.ts'
export { duplex } from './stream/duplex.ts'
export { Layer, type LayerOptions } from './stream/layer.ts'
export { mirror } from './stream/mirror.ts'
export type { Turned } from './stream/outlet.ts'
export type { Side, SideOptions } from './stream/sides.ts'
export { Stage, type StageEvents, stage } from './stream/stage.ts'
export type {
  DuplexEvents,
  DuplexLike,
  DuplexOf,
  EmitterEvents,
  EmitterOf,
  ReadableEvents,
  ReadableOf,
  StreamEvents,
  WritableEvents,
  WritableOf
} from './stream/typed.ts'
// wires
export { type DialOptions, dial } from './transport/dial.ts'
export type { UpgradeListener } from './transport/http-door.ts'
export { MessageWire, type MessageWireOptions, messageWire } from './transport/message-wire.ts'
export type { NetServerEvents } from './transport/net-server.ts'
export type { SniffOptions } from './transport/peek.ts'
export type { ProxyProtocolOptions } from './transport/proxy-door.ts'
export type { RtmfpClientOptions, RtmfpOptions, RtmfpProfile } from './transport/rtmfp/rtmfp-wires.ts'
export type { MediaLifetimes } from './transport/rtmfp/urgency.ts'
export { type RtmpUrl, readRtmpUrl, redactedUrl, splitStreamUrl } from './transport/rtmp-url.ts'
export { type Spoken, sniff } from './transport/sniff.ts'
export {
  TunnelClient,
  type TunnelClientOptions,
  type TunnelPlace,
  tunnelClient
} from './transport/tunnel/tunnel-client.ts'
export { type TunnelHandler, type TunnelSession, tunnelServer } from './transport/tunnel/tunnel-server.ts'
export type { TunnelOptions } from './transport/tunnel/tunnel-stream.ts'
export {
  type CloseOptions,
  createWireServer,
  type RtmfpServerOptions,
  WireServer,
  type WireServerEvents,
  type WireServerOptions,
  type WireSource
} from './transport/wire-server.ts'
export type { LifeSigns, PeerSource, Peers, Wire, WireCounters } from './wire.ts'
