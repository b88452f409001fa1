/**
 * rtmpipe/ws: live streams over WebSocket, for browsers. It needs the package ws, an optional peer dependency; rtmpipe does not load it.
 */
export { type WsFlvOptions, wsFlv } from './ws-flv.ts'
