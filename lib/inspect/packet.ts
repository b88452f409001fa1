/** A packet as it was captured. */
export interface Packet {
  /** Microseconds since 1970, whole. Those of the packet ahead of it where the file has none. */
  readonly time: number
  /** What its first bytes are: a number of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number
  /** Fewer than there were on the wire where the capture was told to cut them. */
  readonly bytes: Buffer
}
