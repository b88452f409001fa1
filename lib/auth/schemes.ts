import { adobe } from './adobe.ts'
import { llnw } from './llnw.ts'
import type { AuthScheme } from './scheme.ts'

/** The name of a scheme, as encoders use it: `authmod=adobe`, `authmod=llnw`. */
export type AuthSchemeName = 'adobe' | 'llnw'

/** The supported schemes. */
export const authSchemes: Readonly<Record<AuthSchemeName, AuthScheme>> = { adobe, llnw }

export const isAuthScheme = (name: string | undefined): name is AuthSchemeName =>
  name !== undefined && Object.hasOwn(authSchemes, name)
