package shop;
import static org.junit.Assert.assertEquals;
import org.junit.Test;
public class BasketTest {
  @Test public void empty() { assertEquals(0, new Basket().total()); }
  @Test public void sums() { assertEquals(5, new Basket().total(2, 3)); }
}
