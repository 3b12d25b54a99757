/** The one function that we use of a package that brings no types. */
declare module 'snappyjs' {
  export function compress(uncompressed: Uint8Array): Uint8Array
}
