/** The version, here so that nothing needs to find package.json at run time; a test holds the two together. */
export const version = '0.1.0'
