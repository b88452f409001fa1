/** A module of a package that need not be installed, or one that imports it; undefined without the package. */
export async function optional<Module>(loading: Promise<Module>): Promise<Module | undefined> {
  try {
    return await loading
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
