/** A packet as it was captured. */
export interface Packet {
  /** Whole microseconds since 1970. If the file has none, those of the packet before. */
  readonly time: number
  /** What its first bytes are: a number of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number
  /** Fewer than there were on the wire where the capture was told to cut them. */
  readonly bytes: Buffer
}
