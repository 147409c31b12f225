/** A picture that is refused at the field; `code` is the key of its text. */
export class PictureError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}
