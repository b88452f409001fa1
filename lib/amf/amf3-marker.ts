/** The type markers of AMF3 (3.1). */
export const Amf3Marker = {
  Undefined: 0x00,
  Null: 0x01,
  False: 0x02,
  True: 0x03,
  Integer: 0x04,
  Double: 0x05,
  String: 0x06,
  XmlDocument: 0x07,
  Date: 0x08,
  Array: 0x09,
  Object: 0x0a,
  Xml: 0x0b,
  ByteArray: 0x0c,
  VectorInt: 0x0d,
  VectorUint: 0x0e,
  VectorDouble: 0x0f,
  VectorObject: 0x10,
  Dictionary: 0x11
} as const

/** The low bits of the integer before an object (3.12): the object itself follows, with its traits, which are dynamic. */
export const ObjectFlag = { Instance: 1, Traits: 2, Externalizable: 4, Dynamic: 8 } as const
