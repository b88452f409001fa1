/**
 * rtmpipe/api: the JSON that `rtmpipe serve` answers under `/api/`, as types.
 */
export type {
  ApiErrorCode,
  ApiEvent,
  AudioReport,
  ErrorReport,
  LogReport,
  PublisherReport,
  ReaderDrops,
  ReaderReport,
  RecordingReport,
  RelayReport,
  RingReport,
  ServerReport,
  SessionReport,
  StreamDrops,
  StreamReport,
  TransferState,
  VideoReport
} from './types.ts'
