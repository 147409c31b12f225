/** An image that is refused at the field; `code` is the key of its text. */
export class ImageError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}
