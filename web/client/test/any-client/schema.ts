/** As openapi-typescript writes it. */
export interface paths {
  "/notes": {
    post: {
      requestBody: { content: { "application/json": { text: string } } };
      responses: {
        200: { headers: Record<string, unknown>; content: { "application/json": Note } };
        401: { headers: Record<string, unknown>; content: { "application/json": { code: string } } };
      };
    };
  };
}
