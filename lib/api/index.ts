/**
 * rtmpipe/api: the JSON that `rtmpipe serve` answers under `/api/`, as types, and a client of it. openapi.json beside it describes the
 * same.
 *
 * It needs nothing of rtmpipe or of Node, and rtmpipe does not load it.
 */
export { type ApiClient, type ApiClientOptions, ApiError, apiClient } from './client.ts'
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
