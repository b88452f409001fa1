import { type Channel, channel } from 'node:diagnostics_channel'
import { type DebugLogger, debuglog } from 'node:util'

/** The channels of `node:diagnostics_channel`. DiagnosticsChannels says what each carries. */
export const sessionStart: Channel = channel('rtmpipe:session:start')
export const sessionEnd: Channel = channel('rtmpipe:session:end')
export const requestStart: Channel = channel('rtmpipe:request:start')
export const requestEnd: Channel = channel('rtmpipe:request:end')
export const publishStart: Channel = channel('rtmpipe:publish:start')
export const publishEnd: Channel = channel('rtmpipe:publish:end')
export const playStart: Channel = channel('rtmpipe:play:start')
export const playEnd: Channel = channel('rtmpipe:play:end')
export const failed: Channel = channel('rtmpipe:error')

/** Writes a line to standard error if the environment has `NODE_DEBUG=rtmpipe`. Ask `debug.enabled` before a line is made. */
export const debug: DebugLogger = debuglog('rtmpipe')
