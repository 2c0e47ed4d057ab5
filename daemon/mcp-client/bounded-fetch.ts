/** A fetch whose answers end with an error once they are larger than `bytesMax`; `onTooLarge` hears of it. */
export function boundedFetch(bytesMax: number, onTooLarge: (words: string) => void, fetchOf = fetch) {
  return async (input: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetchOf(input, init)
    if (!response.body) return response
    let bytes = 0
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.byteLength
          if (bytes <= bytesMax) return controller.enqueue(chunk)
          const words = `it answered with more than ${Math.round(bytesMax / 2 ** 20)} MB`
          controller.error(new Error(words))
          onTooLarge(words)
        },
      }),
    )
    const { status, statusText, headers, url } = response
    const bounded = new Response(counted, { status, statusText, headers })
    // Who follows redirects looks at it.
    Object.defineProperty(bounded, 'url', { value: url })
    return bounded
  }
}
