/**
 * The status codes that servers and clients use: those of RTMP 1.0, 7.2.2, and of Adobe's servers and players, and those that other
 * servers send. A peer may send any other, so each type is open: it takes every string, and an editor completes those listed.
 */

/** What an answer to `connect` says, and an `onStatus` of message stream 0 (RTMP 1.0, 7.2.1.1). */
export type ConnectStatus =
  | 'NetConnection.Connect.Success'
  | 'NetConnection.Connect.Rejected'
  | 'NetConnection.Connect.Failed'
  | 'NetConnection.Connect.InvalidApp'
  | 'NetConnection.Connect.AppShutdown'
  | 'NetConnection.Connect.Closed'
  | 'NetConnection.Connect.IdleTimeout'
  | 'NetConnection.Connect.NetworkChange'
  // Enhanced RTMP v2, "Reconnect Request"
  | 'NetConnection.Connect.ReconnectRequest'
  | (string & {})

/** What an `_error` to any other command of the connection says (RTMP 1.0, 7.2.1.2). */
export type CallStatus =
  | 'NetConnection.Call.Failed'
  | 'NetConnection.Call.BadVersion'
  | 'NetConnection.Call.Prohibited'
  | (string & {})

/** What is said of a publish (RTMP 1.0, 7.2.2.6), and of a server's recording of it. */
export type PublishStatus =
  | 'NetStream.Publish.Start'
  | 'NetStream.Publish.BadName'
  | 'NetStream.Publish.Denied'
  | 'NetStream.Publish.Failed'
  | 'NetStream.Publish.Idle'
  | 'NetStream.Unpublish.Success'
  | 'NetStream.Record.Start'
  | 'NetStream.Record.Stop'
  | 'NetStream.Record.Failed'
  | 'NetStream.Record.NoAccess'
  | 'NetStream.Record.DiskQuotaExceeded'
  | 'NetStream.Failed'
  | (string & {})

/** What is said of a play (RTMP 1.0, 7.2.2.1), and of its pauses and seeks (7.2.2.7, 7.2.2.8). */
export type PlayStatus =
  | 'NetStream.Play.Start'
  | 'NetStream.Play.Reset'
  | 'NetStream.Play.Stop'
  | 'NetStream.Play.Complete'
  | 'NetStream.Play.Failed'
  | 'NetStream.Play.StreamNotFound'
  | 'NetStream.Play.PublishNotify'
  | 'NetStream.Play.UnpublishNotify'
  | 'NetStream.Play.InsufficientBW'
  | 'NetStream.Play.FileStructureInvalid'
  | 'NetStream.Play.NoSupportedTrackFound'
  | 'NetStream.Play.Switch'
  | 'NetStream.Play.Transition'
  | 'NetStream.Play.TransitionComplete'
  | 'NetStream.Data.Start'
  | 'NetStream.Pause.Notify'
  | 'NetStream.Unpause.Notify'
  | 'NetStream.Seek.Notify'
  | 'NetStream.Seek.Failed'
  | 'NetStream.Seek.InvalidTime'
  | 'NetStream.Step.Notify'
  | 'NetStream.Failed'
  | (string & {})

/** Any status: the `code` of an information object. */
export type Status = ConnectStatus | CallStatus | PublishStatus | PlayStatus

/** How grave it is: the `level` of an information object. */
export type StatusLevel = 'status' | 'warning' | 'error'
