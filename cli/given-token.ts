/** The token that a command was given; nothing in `FOYER_TOKEN` counts as none. */
export function givenToken ({ token }: { readonly token?: string }): string | undefined {
  return [token, process.env.FOYER_TOKEN].find(text => text !== undefined && text !== '')
}
