// The page of the example.
export default function Page() {
  return <p>the app</p>;
}
