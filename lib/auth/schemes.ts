import { adobe } from './adobe.ts'
import { llnw } from './llnw.ts'
import type { AuthScheme } from './scheme.ts'

/** A way to prove a password, as encoders name it: `authmod=adobe`, `authmod=llnw`. */
export type AuthSchemeName = 'adobe' | 'llnw'

/** The schemes that are spoken here. */
export const authSchemes: Readonly<Record<AuthSchemeName, AuthScheme>> = { adobe, llnw }

export const isAuthScheme = (name: string | undefined): name is AuthSchemeName =>
  name !== undefined && Object.hasOwn(authSchemes, name)
