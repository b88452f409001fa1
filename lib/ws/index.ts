/**
 * rtmpipe/ws: live streams over WebSocket, and RTWebSocket. It needs the package ws, an optional peer dependency; rtmpipe does not load it.
 */
export type { MediaLifetimes } from '../transport/rtmfp/urgency.ts'
export { type DialRtwsOptions, dialRtws } from './dial-rtws.ts'
export { type RtwsOptions, rtws } from './rtws.ts'
export { type WsFlvOptions, wsFlv } from './ws-flv.ts'
